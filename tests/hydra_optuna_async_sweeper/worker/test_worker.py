"""What a worker on another machine would miss."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hydra.experimental.callback import Callback

from hydra_plugins.hydra_mlflow_callback.mlflow_callback import MLflowCallback
from hydra_plugins.hydra_optuna_async_sweeper.search._spec import Search
from hydra_plugins.hydra_optuna_async_sweeper.storage._journal import Journal
from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import database_at
from hydra_plugins.hydra_optuna_async_sweeper.worker._worker import check_worker
from hydra_plugins.hydra_search.errors import CantStart
from hydra_plugins.hydra_search.files import JOURNAL
from hydra_plugins.hydra_search.owner import Owner
from tests.sweeps import made_up_search


@pytest.fixture
def search(tmp_path: Path) -> Search:
    (tmp_path / JOURNAL).touch()
    return made_up_search(tmp_path)


def tracking(uri: str) -> list[Callback]:
    return [MLflowCallback(tracking_uri=uri, experiment_name="e", run_name="r")]


def test_worker_that_sees_everything_starts(search: Search, tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    check_worker(search, [Callback(), *tracking(f"sqlite:///{tmp_path}/mlflow.db"), *tracking("http://127.0.0.1:9")])


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"sweep_dir": "/absent/search"}, "hydra.sweep.dir"),
        ({"storage": Journal(Path("/absent/journal.log"))}, "hydra.sweeper.storage"),
        ({"storage": database_at("sqlite:////absent/study.db")}, "hydra.sweeper.storage"),
        (
            {"storage": database_at("sqlite:////absent/s.db", {"_target_": "optuna.storages.RDBStorage"})},
            "hydra.sweeper.storage",
        ),
    ],
)
def test_worker_that_does_not_see_a_folder_or_file_is_refused(
    search: Search, changed: dict[str, object], key: str
) -> None:
    with pytest.raises(CantStart, match=f"{key}: must be .* which is not there on "):
        check_worker(replace(search, **changed), [])


def test_worker_that_does_not_see_the_tracking_database_is_refused(search: Search, tmp_path: Path) -> None:
    with pytest.raises(CantStart, match=r"mlflow.tracking_uri: must be .* which is not there on "):
        check_worker(search, tracking("sqlite:////absent/mlflow.db"))
    assert not Path("/absent").exists()


ELSEWHERE = Owner("the-machine-of-the-sweep", 1, 0.0)


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def tracking_started_elsewhere(uri: str) -> list[Callback]:
    (callback,) = tracking(uri)
    callback._started_by = ELSEWHERE  # type: ignore[attr-defined]
    return [callback]


def test_loopback_address_that_nobody_answers_on_the_workers_machine_is_refused(search: Search) -> None:
    elsewhere = replace(search, sweeper=ELSEWHERE)
    study = replace(elsewhere, storage=database_at("postgresql+psycopg://optuna:secret@localhost:9/optuna"))
    with pytest.raises(CantStart, match=r"hydra.sweeper.storage: .*optuna:\*\*\*@localhost:9/.* nobody answers on "):
        check_worker(study, [])
    with pytest.raises(CantStart, match=r"mlflow.tracking_uri: .* got http://127.0.0.1:9, where nobody answers on "):
        check_worker(elsewhere, tracking_started_elsewhere("http://127.0.0.1:9"))


def test_loopback_address_that_a_tunnel_answers_serves_a_worker_elsewhere(search: Search, port: int) -> None:
    elsewhere = replace(search, sweeper=ELSEWHERE, storage=database_at(f"postgresql://localhost:{port}/optuna"))
    check_worker(elsewhere, tracking_started_elsewhere(f"http://127.0.0.1:{port}"))


def test_server_that_is_away_does_not_keep_a_worker_from_starting(search: Search) -> None:
    away = replace(search, sweeper=ELSEWHERE, storage=database_at("postgresql://db.invalid/optuna"))
    check_worker(away, tracking_started_elsewhere("http://tracking.invalid:5000"))
    here = replace(search, storage=database_at("postgresql://localhost:9/optuna"))
    check_worker(here, [])
