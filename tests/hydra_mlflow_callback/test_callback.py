"""The callback as Hydra calls it: what it refuses before anything is made, and the names by which it speaks."""

import importlib.util
import pickle
import re
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_mlflow_callback import mlflow_callback
from hydra_plugins.hydra_mlflow_callback._record import load_search
from hydra_plugins.hydra_mlflow_callback.mlflow_callback import MLflowCallback, imports_for, status_after
from hydra_plugins.hydra_search.errors import BadInput
from hydra_plugins.hydra_search.files import SEARCH_RECORD
from hydra_plugins.hydra_search.jobs import ChecksWorker
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.signals import Terminated
from tests.tracking_client import TrackingClient

from .conftest import job_config, returned

OPTIONS: dict[str, Any] = {"tracking_uri": "http://server", "experiment_name": "e", "run_name": "search"}


def start(
    sweep_dir: Path, search: bool = False, application: dict[str, Any] | None = None, **options: Any
) -> MLflowCallback:
    """Begin a run or a search, of an application whose own keys the options may point to."""
    config = job_config(sweep_dir, search=search)
    hydra = OmegaConf.merge(config.hydra, {"callbacks": {"mlflow": OPTIONS | options}})
    config = DictConfig({**(application or {}), "hydra": hydra})
    config.hydra.mode = RunMode.MULTIRUN if search else RunMode.RUN
    callback = MLflowCallback(**dict(config.hydra.callbacks.mlflow))
    callback.on_multirun_start(config) if search else callback.on_run_start(config)
    return callback


SHIP = {"ship": "cancer", "keep": True, "on": True}
POINTING = {"register_model": "${ship}", "log_model": "${keep}", "enabled": "${on}"}
NAMED = r"^ship \(hydra.callbacks.mlflow.register_model\): "


@pytest.mark.parametrize(
    ("application", "search", "message"),
    [
        ({"ship": "a/b"}, False, r"must be a name without / and :, got a/b. Set ship=my_model, for example.$"),
        ({"ship": " "}, False, r"must be a name without / and :"),
        ({"on": False}, False, r"needs MLflow, which is switched off, got cancer. Set on=true, or leave ship out.$"),
        ({"keep": False}, False, r"needs a model to register, got cancer. Set keep=true.$"),
        (
            {},
            True,
            r"registers one model, and a search makes many, got cancer. Search .* by itself, with ship=cancer.$",
        ),
    ],
)
def test_model_that_can_not_be_registered_is_refused_by_the_names_of_the_application(
    client: TrackingClient, sweep_dir: Path, application: dict[str, Any], search: bool, message: str
) -> None:
    with pytest.raises(SystemExit, match=NAMED + message):
        start(sweep_dir, search, SHIP | application, **POINTING)
    assert client.n_calls == 0, "refused before anything is made"


def test_options_that_point_nowhere_are_named_as_they_are(client: TrackingClient, sweep_dir: Path) -> None:
    message = r"^hydra.callbacks.mlflow.register_model: .* Set hydra.callbacks.mlflow.log_model=true.$"
    with pytest.raises(SystemExit, match=message):
        start(sweep_dir, register_model="cancer", log_model=False)


@pytest.mark.parametrize(
    ("application", "message"),
    [
        ({"way": "maximise"}, r"^way \(hydra.callbacks.mlflow.direction\): must be maximize or minimize, got maximise"),
        (
            {"way": ["maximize", "minimize"]},
            r"^way \(hydra.callbacks.mlflow.direction\): must be one for each of the 1",
        ),
    ],
)
def test_direction_that_is_none_is_refused(
    client: TrackingClient, sweep_dir: Path, application: dict[str, Any], message: str
) -> None:
    with pytest.raises(SystemExit, match=message):
        start(sweep_dir, application=application, direction="${way}", metric="loss")
    assert client.n_calls == 0
    start(sweep_dir, application=application, direction="${way}", metric="loss", enabled=False)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("mlflow.db", "must start with one of sqlite://, .* got mlflow.db. For a local file: sqlite:///mlflow.db"),
        ("sqlite://mlflow.db", "needs three slashes before a SQLite file, got sqlite://mlflow.db"),
        ("ftp://me:secret@host", r"must start with one of .* got ftp://me:\*\*\*@host"),
    ],
)
def test_uri_that_mlflow_would_misread_is_refused(
    client: TrackingClient, sweep_dir: Path, uri: str, message: str
) -> None:
    with pytest.raises(SystemExit, match=r"^where \(hydra.callbacks.mlflow.tracking_uri\): " + message):
        start(sweep_dir, application={"where": uri}, tracking_uri="${where}")


@pytest.mark.parametrize("search", [True, False])
def test_server_that_is_away_at_the_start_ends_the_program_with_the_way_out(
    client: TrackingClient, sweep_dir: Path, search: bool
) -> None:
    client.is_away = True
    message = (
        r"^hydra.callbacks.mlflow.tracking_uri: can't be used \(.*Max retries.*\), got http://server. .* set on=false"
    )
    with pytest.raises(SystemExit, match=message):
        start(sweep_dir, search, {"on": True}, enabled="${on}")
    assert not list(sweep_dir.rglob(".mlflow*"))


def test_callback_that_is_switched_off_does_nothing(client: TrackingClient, sweep_dir: Path) -> None:
    callback, config = start(sweep_dir, search=True, enabled=False), job_config(sweep_dir)
    callback.on_worker_start()
    callback.on_job_start(config)
    callback.on_job_end(config, returned(0.5))
    callback.on_run_end(config)
    callback.on_multirun_end(config)
    assert client.n_calls == 0 and not list(sweep_dir.rglob(".mlflow*"))


def test_search_is_one_parent_and_a_run_for_each_job_by_a_copy_of_the_callback(
    client: TrackingClient, sweep_dir: Path
) -> None:
    callback = start(sweep_dir, search=True)
    copy = pickle.loads(pickle.dumps(callback))  # as it travels to a worker
    for number in range(2):
        copy.on_job_start(job_config(sweep_dir, number))
        copy.on_job_end(job_config(sweep_dir, number), returned(0.5))
    callback.on_multirun_end(job_config(sweep_dir))
    assert {name: run.info.status for name, run in client.runs().items()} == {
        "search": "FINISHED", "trial-0": "FINISHED", "trial-1": "FINISHED",
    }  # fmt: skip


def test_search_that_can_not_be_delivered_ends_with_status_1_unless_it_has_an_error_of_its_own(
    client: TrackingClient, sweep_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    callback = start(sweep_dir, search=True)
    client.is_away = True
    with pytest.raises(SystemExit, match="Nothing is lost"):
        callback.on_multirun_end(job_config(sweep_dir))
    with pytest.raises(RuntimeError, match="its own"):
        try:
            raise RuntimeError("its own")
        finally:
            callback.on_multirun_end(job_config(sweep_dir))
    assert "Nothing is lost" in caplog.text


def test_end_that_fails_leaves_no_parent_running_and_no_status_0(
    client: TrackingClient, sweep_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    callback = start(sweep_dir, search=True)

    def fail(*_: object) -> None:
        raise RecursionError("what nobody has thought of")

    with monkeypatch.context() as broken:
        broken.setattr("hydra_plugins.hydra_mlflow_callback._parent.summarize", fail)
        with pytest.raises(SystemExit, match=r"did not take everything: .*what nobody has thought of"):
            callback.on_multirun_end(job_config(sweep_dir))
    assert client.runs()["search"].info.status == "FINISHED"
    monkeypatch.setattr("hydra_plugins.hydra_mlflow_callback._search_run.connect", fail)
    with pytest.raises(SystemExit, match=r"not recorded to its end .*what nobody has thought of"):
        callback.on_multirun_end(job_config(sweep_dir))


@pytest.mark.parametrize("in_the_wait", [False, True])
def test_job_whose_run_is_being_made_when_the_search_is_left_has_one_run(
    client: TrackingClient, sweep_dir: Path, monkeypatch: pytest.MonkeyPatch, in_the_wait: bool
) -> None:
    callback, begun, make = start(sweep_dir, search=True), threading.Event(), client.create_run

    def make_slowly(*args: Any, **kwargs: Any) -> Any:
        begun.set()
        time.sleep(0.5)
        return make(*args, **kwargs)

    monkeypatch.setattr(client, "create_run", make_slowly)
    callback.on_worker_start()
    callback.on_job_start(job_config(sweep_dir, 1, x=0.5))
    callback.on_job_end(job_config(sweep_dir, 1, x=0.5), returned(0.5))
    assert begun.wait(10)
    if in_the_wait:
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr("threading.Thread.join", lambda _: signal.raise_signal(signal.SIGINT))
            callback.on_worker_end()
    callback.on_multirun_end(job_config(sweep_dir))
    (run,) = [run for run in client.search_runs(["1"]) if run.info.run_name == "trial-1"]
    assert run.info.status == "FINISHED"


def test_job_that_changes_the_directory_loses_no_record(
    client: TrackingClient, sweep_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sweep_dir.parent)
    callback = start(Path("sweep"), search=True)
    callback.on_job_start(job_config(sweep_dir))
    monkeypatch.chdir("/")
    callback.on_job_end(job_config(sweep_dir), returned(0.5))
    callback.on_multirun_end(job_config(Path(sweep_dir.name)))
    assert client.runs()["search"].data.tags["jobs.finished"] == "1"


def test_single_run_is_not_named_like_a_search(client: TrackingClient, sweep_dir: Path) -> None:
    callback = start(sweep_dir, single_run_name="alone")
    callback.on_job_start(job_config(sweep_dir, search=False))
    callback.on_job_end(job_config(sweep_dir, search=False), returned(0.5))
    assert set(client.runs()) == {"alone"}


def test_callback_is_one_that_a_worker_asks() -> None:
    assert isinstance(MLflowCallback(**OPTIONS), ChecksWorker)


@pytest.mark.parametrize("elsewhere", [True, False])
def test_worker_elsewhere_that_nobody_answers_at_a_loopback_address_is_refused(
    client: TrackingClient, sweep_dir: Path, elsewhere: bool
) -> None:
    callback = start(sweep_dir, search=True, tracking_uri="http://127.0.0.1:9")
    if elsewhere:
        callback._started_by = Owner("the-machine-of-the-sweep", 1, 0.0)
        with pytest.raises(
            ValueError, match=r"tracking_uri: must be .* got http://127.0.0.1:9, where nobody answers on "
        ):
            callback.on_worker_start()
    else:
        callback.on_worker_start()  # the server is away, which is no reason


def test_worker_that_would_make_a_database_of_its_own_is_refused_by_the_name_of_the_application(
    client: TrackingClient, sweep_dir: Path, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path}/absent.db"
    callback = start(sweep_dir, search=True, application={"where": uri}, tracking_uri="${where}")
    message = (
        r"^where \(hydra.callbacks.mlflow.tracking_uri\): must be .* which is not there on .* where=http://HOST:PORT"
    )
    with pytest.raises(ValueError, match=message):
        callback.on_worker_start()
    (tmp_path / "absent.db").touch()
    callback.on_worker_start()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "FINISHED"), (RuntimeError(), "FAILED"), (SystemExit("a message"), "FAILED"), (SystemExit(1), "FAILED"),
        (SystemExit(130), "KILLED"), (KeyboardInterrupt(), "KILLED"), (Terminated(signal.SIGTERM), "KILLED"),
    ],
)  # fmt: skip
def test_status_of_a_search_is_that_of_the_exception_that_left_it(error: BaseException | None, status: str) -> None:
    assert status_after(error) == status


def test_no_message_speaks_of_one_application() -> None:
    folder = Path(mlflow_callback.__file__).parent
    for path in folder.glob("*.py"):
        found = re.search(
            r"train\.py|save_model|mlflow=\w|storage=|study_name=|(?<!callbacks\.)mlflow\.register_model=",
            path.read_text(),
        )
        assert not found, f"{path.name}: {found}"


def refused(callback: MLflowCallback, sweep_dir: Path) -> None:
    """End the search as a sweeper does whose study refuses it when it is opened."""
    try:
        try:
            raise BadInput("another command was faster")
        except BadInput as error:
            raise SystemExit(str(error)) from None
    except SystemExit:
        callback.on_multirun_end(job_config(sweep_dir))


def test_search_that_is_refused_when_it_is_opened_leaves_its_parent_as_it_was(
    client: TrackingClient, sweep_dir: Path
) -> None:
    refused(start(sweep_dir, search=True), sweep_dir)
    assert client.runs()["search"].info.lifecycle_stage == "deleted", "it was made for this search alone"
    assert not (sweep_dir / SEARCH_RECORD).exists()

    start(sweep_dir, search=True).on_multirun_end(job_config(sweep_dir))
    run_id = load_search(sweep_dir).run_id
    refused(start(sweep_dir, search=True), sweep_dir)
    assert client.get_run(run_id).info.status == load_search(sweep_dir).status == "FINISHED"

    late = start(sweep_dir, search=True)
    replace(load_search(sweep_dir), sweep=Owner("another-machine", 1, 0.0)).save(sweep_dir)
    refused(late, sweep_dir)
    assert client.get_run(run_id).info.status == "RUNNING", "another sweep has come to it"


@pytest.mark.parametrize(
    ("uri", "store"),
    [("http://127.0.0.1:5000", "rest_store"), ("https://tracking.example", "rest_store"),
     ("sqlite:///mlflow.db", "sqlalchemy_store"), ("postgresql://north/mlflow", "sqlalchemy_store")],
)  # fmt: skip
def test_workers_are_spared_the_modules_of_the_stores_that_they_do_not_write_to(uri: str, store: str) -> None:
    names = imports_for(uri)
    assert [name for name in names if name.endswith("_store")] == [f"mlflow.store.tracking.{store}"]
    assert all(importlib.util.find_spec(name) for name in names)
