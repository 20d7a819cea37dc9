"""A tracking server in memory, and the files that a search leaves."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_mlflow_callback import _upstream
from hydra_plugins.hydra_mlflow_callback._client import open_experiment
from hydra_plugins.hydra_mlflow_callback._record import JobRecord
from hydra_plugins.hydra_mlflow_callback.config import Settings
from hydra_plugins.hydra_search.owner import Owner, of_process
from tests.tracking_client import TrackingClient, put_in_place

ELSEWHERE = Owner("another-machine", 4711, 1000.0)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrackingClient]:
    yield put_in_place(TrackingClient(tmp_path / "server"), monkeypatch)
    with _upstream.active_run(None):  # and with it whatever a test has left
        pass
    assert mlflow.active_run() is None


@pytest.fixture
def settings(client: TrackingClient) -> Settings:
    return open_experiment(Settings("http://server", "e", "search", metrics=("score",), directions=("maximize",)))


@pytest.fixture
def sweep_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "sweep"
    directory.mkdir()
    return directory


MakeJob = Callable[..., tuple[JobRecord, Path]]


@pytest.fixture
def make_job(sweep_dir: Path) -> MakeJob:
    """Return what writes the record of a job, which has ended with values or still runs, into its directory."""

    def make(number: int, *values: float, **fields: Any) -> tuple[JobRecord, Path]:
        directory = sweep_dir / str(number)
        directory.mkdir()
        record = JobRecord(
            name=f"trial-{number}", number=number, start_time=1000, params={"x": str(number)}, tags={},
            overrides=[f"x={number}"], status="FINISHED" if values else "RUNNING", values=list(values),
            end_time=2000 + number if values else None,
        )  # fmt: skip
        for name, value in fields.items():
            setattr(record, name, value)
        record.tags |= {"hydra.job.key": record.key}
        if record.parent_run_id:
            record.tags |= {"mlflow.parentRunId": record.parent_run_id}
        record.save(directory)
        return record, directory

    return make


def job_config(sweep_dir: Path, number: int = 0, *, search: bool = True, **values: Any) -> DictConfig:
    """Return a job's config as Hydra gives it to callbacks."""
    output = sweep_dir / (str(number) if search else "")
    output.mkdir(parents=True, exist_ok=True)
    hydra = {
        "mode": RunMode.MULTIRUN if search else RunMode.RUN,
        "job": {"num": number} if search else {},
        "overrides": {"task": [f"{key}={value}" for key, value in values.items()]},
        "runtime": {"output_dir": str(output), "choices": {"kind": "plain", "hydra/launcher": "basic", "none": None}},
        "sweep": {"dir": str(sweep_dir), "subdir": str(number)},
        "output_subdir": ".hydra",
    }
    return OmegaConf.create({**values, "hydra": hydra})


def returned(result: object) -> JobReturn:
    """Return what Hydra hands to `on_job_end`."""
    answer = JobReturn(status=JobStatus.FAILED if isinstance(result, BaseException) else JobStatus.COMPLETED)
    answer.return_value = result
    return answer


def process_of_somebody_else() -> Owner:
    """Return a process of this machine that runs and was not started here: the one that started us."""
    return of_process(os.getppid())
