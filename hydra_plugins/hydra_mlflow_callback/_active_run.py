"""The run of a job on MLflow's stack of active runs, which is made when somebody asks for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlflow import ActiveRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlflow.entities import Run, RunData, RunInfo, RunInputs, RunOutputs


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
def system_metrics(run_id: str) -> Iterator[None]:
    """Watch this machine for a run, as `mlflow.start_run` does where it is wished."""
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    monitor = SystemMetricsMonitor(run_id)  # type: ignore[no-untyped-call]
    monitor.start()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        monitor.finish()  # type: ignore[no-untyped-call]
