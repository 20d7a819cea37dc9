"""The run of a job on MLflow's stack of active runs, which is made when somebody asks for it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlflow import ActiveRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow.entities import Run, RunData, RunInfo, RunInputs, RunOutputs

EXPERIMENT = ("MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME")  # of which MLflow refuses two that don't fit


class PendingRun(ActiveRun):
    """The active run of a job. Made in MLflow when something asks what run that is, as every `mlflow.log_*` does.

    Most jobs write nothing into MLflow by themselves: they don't wait for a server, and their run is sent after them.

    Args:
        make: returns the run, the same one each time.
    """

    def __init__(self, make: "Callable[[], Run]") -> None:  # not MLflow's own: that one wants the run
        self._made = make

    @property
    def info(self) -> "RunInfo":
        return self._made().info

    @property
    def data(self) -> "RunData":
        return self._made().data

    @property
    def inputs(self) -> "RunInputs | None":
        return self._made().inputs

    @property
    def outputs(self) -> "RunOutputs | None":
        return self._made().outputs


@contextmanager
def in_experiment(experiment_id: str) -> Iterator[None]:
    """Let the runs that a job opens by itself be of this experiment, those of its child processes too."""
    before = {name: os.environ.pop(name, None) for name in EXPERIMENT}
    os.environ[EXPERIMENT[0]] = experiment_id
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def system_metrics(run_id: str) -> Iterator[None]:
    """Watch this machine for a run, as `mlflow.start_run` does where it is wished."""
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    monitor = SystemMetricsMonitor(run_id)  # type: ignore[no-untyped-call]
    monitor.start()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        monitor.finish()  # type: ignore[no-untyped-call]
