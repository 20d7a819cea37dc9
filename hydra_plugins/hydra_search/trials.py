"""How a trial ended, which trials count, which are the best. Sweeper, report and tracking callback all ask here."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .confirmation import Confirmed, confirmed, confirmed_first

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

# User attributes of a trial.
WORKER, SWEEPER = "worker", "sweeper"  # who runs it, and in there who started that worker
BEAT = (
    "beat"  # the worker's last sign of life: how many there were, and its time in seconds since the epoch, to be shown
)
QUEUED = "queued"  # true where a sweep made the trial, for its workers to take
LOST = "lost"  # why it ended without a result
ERROR = "error"  # why its job failed
UNDEFINED = "undefined"  # true where that is a result that is nan or infinite
RETRY_OF, RETRIES = "retry_of", "retries"  # the lost trial that it repeats, and how many repetitions that makes
REPEATS = "repeats"  # the trial with the same parameters whose end it was given, without a job
# What it confirms: {"trial": 12, "override": "seed=3"}. Such a trial is no part of the search itself
CONFIRMS = "confirms"
EXHAUSTED = "exhausted"  # which sweep's sampler had nothing more to try when this trial ended
# The name of its directory below the sweep's `checkpoints`, if its job asked for one; a repetition of it has the same
CHECKPOINTS = "checkpoints_in"
JOB_DIR = "job_dir"  # the job's directory in the sweep's, if that is not the trial's number
WARM_START_OF = "warm_start_of"  # the trial of an earlier search that it runs anew: "first_try/12"

# what a trial has from the queue
OF_QUEUE = frozenset((QUEUED, RETRY_OF, RETRIES, CONFIRMS, CHECKPOINTS, WARM_START_OF))
WARNING = "warning"  # what a job says of its own result: a text, which the report's advice repeats

# What a job may not write about its trial.
RESERVED = frozenset((WORKER, BEAT, LOST, ERROR, UNDEFINED, EXHAUSTED, JOB_DIR, REPEATS)) | OF_QUEUE

# The system attribute in which study.enqueue_trial keeps a trial's parameters.
FIXED = "fixed_params"
NAMED = "constraints:"  # and there each constraint of Trial.set_constraint, with its name behind this

# The reason of a lost trial that nobody is to blame for: it is no retry to run it again.
INTERRUPTED = "interrupted"

MAXIMIZE, MINIMIZE = "maximize", "minimize"

_Item = TypeVar("_Item")


class Outcome(StrEnum):
    """The states of a trial as a person sees them, in the order of its life."""

    FINISHED = "finished"
    PRUNED = "pruned"
    FAILED = "failed"
    REPEATED = "repeated"  # given the end of another trial, without a job: it counts for nothing
    CONFIRMING = "confirming"  # has run the parameters of another trial again, after the search
    LOST = "lost"  # without a result, and requeued: it counts for nothing
    RUNNING = "running"
    WAITING = "waiting"


def outcome_of(trial: "FrozenTrial", max_retries: int) -> Outcome:
    """Return how the trial ended, or how far it is.

    A trial that was lost is requeued until it has been tried again `max_retries` times; the last one has failed.
    """
    name = trial.state.name
    if name in ("COMPLETE", "PRUNED") and not trial.user_attrs.keys().isdisjoint((REPEATS, CONFIRMS)):
        return Outcome.CONFIRMING if is_confirmation(trial) else Outcome.REPEATED
    if name == "FAIL":
        return Outcome.LOST if _is_requeued(trial.user_attrs, max_retries) else Outcome.FAILED
    return Outcome.FINISHED if name == "COMPLETE" else Outcome[name]


def _is_requeued(attributes: Mapping[str, object], max_retries: int) -> bool:
    reason = attributes.get(LOST)
    if reason is None:
        return False
    return reason == INTERRUPTED or retries_of(attributes) < max_retries


def retries_of(attributes: Mapping[str, object]) -> int:
    """Return how many repetitions of a lost trial this one makes; 0 where another program has written else."""
    retries = attributes.get(RETRIES, 0)
    return retries if isinstance(retries, int) else 0


def time_of_beat(attributes: Mapping[str, object]) -> float | None:
    """Return when the worker has given its last sign of life, by its own clock: seconds since the epoch."""
    match attributes.get(BEAT):
        case [_, (float() | int()) as seconds] | ((float() | int()) as seconds):  # the second: an older version's
            return float(seconds)
    return None


def is_confirmation(trial: "FrozenTrial") -> bool:
    """Tell whether the trial runs the parameters of another one again, when the search is done."""
    return CONFIRMS in trial.user_attrs


def searched(trials: Iterable["FrozenTrial"]) -> list["FrozenTrial"]:
    """Return the trials of the search itself: those that confirm others are left out."""
    return [trial for trial in trials if CONFIRMS not in trial.user_attrs]  # of thousands, for each draw


def over(trials: Iterable["FrozenTrial"], max_retries: int) -> list["FrozenTrial"]:
    """Return the trials that have ended for good, and count for the budget."""
    ends = (Outcome.FINISHED, Outcome.PRUNED, Outcome.FAILED)
    return [trial for trial in searched(trials) if outcome_of(trial, max_retries) in ends]


def finished(trials: Iterable["FrozenTrial"]) -> list["FrozenTrial"]:
    """Return the trials of the search whose job finished with values."""
    return [t for t in searched(trials) if t.state.name == "COMPLETE" and t.values and REPEATS not in t.user_attrs]


def confirmed_trials(trials: Iterable["FrozenTrial"]) -> dict[int, Confirmed]:
    """Return what has been confirmed, by the number of the trial."""
    done = [trial for trial in trials if is_confirmation(trial) and trial.state.name == "COMPLETE" and trial.values]
    runs = [(trial.user_attrs[CONFIRMS], trial.values[0]) for trial in done]
    return confirmed((of["trial"], of["override"], value) for of, value in runs)


def reason_of(trial: "FrozenTrial") -> str:
    """Return why a trial failed or was lost, which one it repeats or confirms, which constraints it breaks; or ''."""
    if trial.state.name != "FAIL" and REPEATS in trial.user_attrs:
        return f"repeats trial {trial.user_attrs[REPEATS]}"
    if trial.state.name != "FAIL" and is_confirmation(trial):
        return "confirms trial {trial}, with {override}".format(**trial.user_attrs[CONFIRMS])
    broken = ", ".join(f"{name} by {excess:.4g}" for name, excess in _constraints(trial).items() if not excess <= 0)
    return str(trial.user_attrs.get(ERROR) or trial.user_attrs.get(LOST) or (f"infeasible: {broken}" if broken else ""))


def directory_of(trial: "FrozenTrial", sweep_dir: Path | str = "") -> Path:
    """Return where the trial's job writes: below the sweep directory, under its number unless its worker noted else."""
    return Path(sweep_dir, str(trial.user_attrs.get(JOB_DIR, trial.number)))


def is_feasible(trial: "FrozenTrial") -> bool:
    """Tell whether the trial keeps its constraints, as far as it has any."""
    return violation_of(trial) == 0


def best_trials(trials: Sequence["FrozenTrial"], directions: Sequence[str]) -> list["FrozenTrial"]:
    """Return the finished trials, best first and the earlier of equals first; for several objectives, the front.

    The best of those that were confirmed comes first, whatever the search has thought of it, see `confirmed_first`.
    """
    ranked = best_of_search(trials, directions)
    if len(directions) > 1:
        return ranked
    found = confirmed_trials(trials)
    return confirmed_first(ranked, lambda trial: trial.number, found, maximize=directions[0] == MAXIMIZE)


def best_of_search(trials: Iterable["FrozenTrial"], directions: Sequence[str]) -> list["FrozenTrial"]:
    """Return the finished trials, as `best_trials` does, by what the search itself has found.

    Those that keep the constraints come first, then the others by how much they break them; a front has others only
    where no trial keeps them: those that break them least. Among trials with constraints, one without has not kept any.
    """
    done = finished(trials)
    constrained = any(map(_constraints, done))

    def broken(trial: "FrozenTrial") -> float:
        return violation_of(trial) if _constraints(trial) or not constrained else math.inf

    return feasible_first(done, broken, lambda trial: trial.values, directions)


def feasible_first(
    items: Iterable[_Item],
    broken: Callable[[_Item], float],
    values_of: Callable[[_Item], Sequence[float]],
    directions: Sequence[str],
) -> list[_Item]:
    """Return the items as `best_first` does, those that keep the constraints before the others, see `best_trials`.

    Args:
        items: in the order in which they came.
        broken: returns by how much an item breaks its constraints, see `violation_of`.
        values_of: as in `best_first`, and the directions too.
        directions: of the objectives.
    """
    ranked = [(broken(item), item) for item in items]
    least = min((much for much, _ in ranked), default=0.0)
    best = best_first([item for much, item in ranked if much == least], values_of, directions)
    if len(directions) > 1:
        return best
    return best + [item for much, item in sorted(ranked, key=lambda pair: pair[0]) if much > least]


def constraints_of(trial: "FrozenTrial") -> dict[str, Any]:
    """Return the attributes in which Optuna keeps a trial's constraints: all in one list, or each by its name."""
    return {key: value for key, value in trial.system_attrs.items() if key.partition(":")[0] == "constraints"}


def _constraints(trial: "FrozenTrial") -> dict[str, float]:
    kept: Iterable[float] = trial.system_attrs.get("constraints") or ()
    named = {key[len(NAMED) :]: value for key, value in trial.system_attrs.items() if key.startswith(NAMED)}
    return {f"constraint {number}": value for number, value in enumerate(kept)} | named


def violation_of(trial: "FrozenTrial") -> float:
    """Return by how much the constraints are broken, in sum: 0 for a feasible trial. A constraint is kept up to 0."""
    constraints = _constraints(trial).values()
    return math.inf if any(math.isnan(c) for c in constraints) else sum(max(c, 0.0) for c in constraints)


def best_first(
    items: Iterable[_Item], values_of: Callable[[_Item], Sequence[float]], directions: Sequence[str]
) -> list[_Item]:
    """Return the items, best first and the earlier of equals first; for several objectives, the Pareto front.

    The front is in the order of the items: those that no other beats, that is: at least equals in every objective and
    beats in one.

    Args:
        items: in the order in which they came.
        values_of: returns an item's objective values, as many as there are directions.
        directions: `maximize` or `minimize`, for each objective.
    """
    signs = [-1.0 if direction == MAXIMIZE else 1.0 for direction in directions]
    losses = [(tuple(s * v for s, v in zip(signs, values_of(item), strict=True)), item) for item in items]
    ranked = sorted(losses, key=lambda pair: pair[0])
    if len(signs) == 1:
        return [item for _, item in ranked]
    front: dict[tuple[float, ...], None] = {}
    for loss, _ in ranked:  # whoever beats it comes before it
        if loss not in front and not any(_dominates(other, loss) for other in front):
            front[loss] = None
    return [item for loss, item in losses if loss in front]


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
