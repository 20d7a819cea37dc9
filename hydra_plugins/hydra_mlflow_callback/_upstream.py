"""The private names of Hydra and MLflow that this package needs; each is held by test_upstream.py."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from mlflow.entities import Run


def result_of(job_return: "JobReturn") -> object:
    """Return what the job returned, or the exception that ended it: the public `return_value` would raise it again."""
    return job_return._return_value


@contextmanager
def active_run(run: "Run") -> Iterator[list[str]]:
    """Let a run be the active one of this thread, and a plain `mlflow.start_run()` open another one below it.

    The public `mlflow.start_run` wants a run that is made, and `mlflow.end_run` would close it as FINISHED; both need
    the server. What was active before is dropped without being ended.

    Yields:
        a list, which in the end has the ids of the runs that were begun inside and not ended.
    """
    from mlflow.tracking import fluent

    left_open: list[str] = []
    stack = fluent._active_run_stack.get()  # type: ignore[no-untyped-call]
    stack[:] = [run]
    try:
        with nesting_by_default():
            yield left_open
    finally:
        left_open += [str(other.info.run_id) for other in stack if other is not run]
        stack.clear()


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
