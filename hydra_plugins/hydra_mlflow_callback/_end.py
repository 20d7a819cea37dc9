"""How a job ended: by what it returned; where its process did not live to tell, by what was left in its directory."""

import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hydra.core.utils import JobStatus

from hydra_plugins.hydra_search.errors import InvalidObjective, TrialLost
from hydra_plugins.hydra_search.results import load_result, objective_values, reason_of_loss, was_failed

from ._record import JobRecord
from ._upstream import result_of
from .config import Settings

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn


class End(NamedTuple):
    """How a job ended: the run's status, the objective values, the traceback or reason."""

    status: str
    values: tuple[float, ...] = ()
    error: str | None = None
    pruned: bool = False


def end_of(job_return: "JobReturn", settings: Settings) -> End:
    """Return how the job ended.

    A job that returns nothing is a fine job, unless somebody wants to compare it.
    """
    result = result_of(job_return)
    if job_return.status is JobStatus.COMPLETED:
        if result is None and not settings.directions:
            return End("FINISHED")
        try:
            return End("FINISHED", objective_values(result, len(settings.metrics)))
        except InvalidObjective as error:
            result = error
    if isinstance(result, InvalidObjective):  # also if a sweeper, or its preflight, has refused the result before
        return End("FAILED", error=str(result))
    # Optuna's exception is known by name, so that it need not be imported.
    if any(kind.__name__ == "TrialPruned" for kind in type(result).__mro__):
        return End("KILLED", error=str(result), pruned=True)
    if isinstance(result, TrialLost):
        return End("KILLED", error=str(result))
    if isinstance(result, BaseException):
        status = "FAILED" if isinstance(result, Exception) else "KILLED"
        return End(status, error="".join(traceback.format_exception(result)))
    return End("FAILED", error="the job ended without a result")


def end_of_lost(directory: Path, record: JobRecord) -> End:
    """Return how a job ended whose process ended before it could say: as its study says, or with what it has left."""
    reason = reason_of_loss(directory, record.attempt)
    if reason is not None:
        return End("FAILED" if was_failed(directory, record.attempt) else "KILLED", error=reason)
    values = load_result(directory, record.attempt)
    if values is not None:
        return End("FINISHED", tuple(values))
    return End("KILLED", error="the job's process ended before the job did")
