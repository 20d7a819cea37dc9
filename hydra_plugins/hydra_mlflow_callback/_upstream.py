"""The private names of Hydra and MLflow that this package needs; each is held by test_upstream.py."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn


def result_of(job_return: "JobReturn") -> object:
    """Return what the job returned, or the exception that ended it: the public `return_value` would raise it again."""
    return job_return._return_value


def leave_active_runs() -> list[str]:
    """Drop whatever runs are active in this thread without ending them; return their ids.

    The public `mlflow.end_run` would also close the run as FINISHED, and needs the server.
    """
    from mlflow.tracking import fluent

    stack = fluent._active_run_stack.get()  # type: ignore[no-untyped-call]
    left = [str(run.info.run_id) for run in stack]
    stack.clear()
    return left


@contextmanager
def nesting_by_default() -> Iterator[None]:
    """Let a plain `mlflow.start_run()` open a run below the active one, by whatever name the function was imported.

    MLflow refuses it, and has no option for that; `MLFLOW_RUN_ID` serves the first call only, and no `active_run()`.
    """
    from mlflow.tracking import fluent

    before = fluent.start_run.__defaults__ or ()
    names = list(inspect.signature(fluent.start_run).parameters)
    position = names.index("nested") - (len(names) - len(before))
    fluent.start_run.__defaults__ = (*before[:position], True, *before[position + 1 :])
    try:
        yield
    finally:
        fluent.start_run.__defaults__ = before
