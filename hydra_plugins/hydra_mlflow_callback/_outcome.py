"""How a job ended, put into its record."""

import logging
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.utils import JobStatus

from hydra_plugins.hydra_trial import InvalidObjective, load_result, objective_values

from ._payload import clean_key, now, numbers_in
from ._record import JobRecord
from ._settings import Settings

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What MLflow is told of a job's end: the run's status, the objective values, the traceback or reason."""

    status: str
    values: tuple[float, ...] = ()
    error: str | None = None
    pruned: bool = False


def conclude(settings: Settings, record: JobRecord, directory: Path, outcome: Outcome) -> None:
    """Complete the record: its end, and its metrics with those that the job has left in metrics.json."""
    record.end_time = now()
    record.status, record.error, record.pruned = outcome.status, outcome.error, outcome.pruned
    record.values = list(outcome.values)
    results = dict(zip(map(clean_key, settings.metrics), record.values, strict=False))
    metrics_file = directory / "metrics.json"
    if metrics_file.is_file():
        try:
            results = numbers_in(metrics_file.read_text(encoding="utf-8")) | results
        except ValueError as error:
            log.warning("%s is no record of metrics: %s", metrics_file, error)
    if record.number is not None:
        results["trial_number"] = float(record.number)
    results["duration_seconds"] = (record.end_time - record.start_time) / 1000
    last_step = max((step for *_, step in record.metrics), default=-1)
    for key, value in results.items():
        record.metrics.append((key, value, record.end_time, max(last_step, 0)))


def outcome_of(job_return: "JobReturn", settings: Settings) -> Outcome:
    """Return how the job ended.

    A job that returns nothing is a fine job, unless somebody wants to compare it.
    """
    result = job_return._return_value  # `return_value` would raise it again
    if job_return.status is JobStatus.COMPLETED:
        if result is None and not settings.directions:
            return Outcome("FINISHED")
        try:
            return Outcome("FINISHED", objective_values(result, len(settings.metrics)))
        except InvalidObjective as error:
            return Outcome("FAILED", error=str(error))
    if is_pruned(job_return):
        return Outcome("KILLED", error=str(result), pruned=True)
    if isinstance(result, BaseException):
        status = "FAILED" if isinstance(result, Exception) else "KILLED"
        return Outcome(status, error="".join(traceback.format_exception(result)))
    return Outcome("FAILED", error="the job ended without a result")


def outcome_of_lost(directory: Path) -> Outcome:
    """Return how a job ended whose process ended before it could tell: with its result, if it has left that."""
    values = load_result(directory)
    if values is not None:
        return Outcome("FINISHED", tuple(values))
    return Outcome("KILLED", error="the job's process ended before the job did")


def is_pruned(job_return: "JobReturn") -> bool:
    """Tell whether the pruner ended the job. Optuna's exception is known by name, so that it need not be imported."""
    return any(kind.__name__ == "TrialPruned" for kind in type(job_return._return_value).__mro__)
