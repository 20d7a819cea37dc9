"""The private names of Hydra and MLflow that this package needs; each is held by test_upstream.py."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn


def result_of(job_return: "JobReturn") -> object:
    """Return what the job returned, or the exception that ended it: the public `return_value` would raise it again."""
    return job_return._return_value


def leave_active_runs() -> None:
    """Drop whatever run is active in this process without ending it.

    The public `mlflow.end_run` would also close the run as FINISHED, and needs the server.
    """
    from mlflow.tracking import fluent

    fluent._active_run_stack.get().clear()  # type: ignore[no-untyped-call]
