"""Questions about trials. Pure: trials in, answers out."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from optuna.study import StudyDirection
from optuna.study._multi_objective import _get_pareto_front_trials_by_trials
from optuna.trial import FrozenTrial, TrialState

from ._facts import BranchPath, SearchFacts, SpaceRow

INTERRUPTED = "interrupted"
# in the order of a trial's life; `lost` failed without a verdict, and is tried again
STATES = ("finished", "pruned", "failed", "lost", "running", "waiting")


def state_of(trial: FrozenTrial) -> str:
    """Return one of STATES."""
    if trial.state is TrialState.FAIL:
        return "lost" if "lost" in trial.user_attrs else "failed"
    return {"COMPLETE": "finished"}.get(trial.state.name, trial.state.name.lower())


def counts(trials: Iterable[FrozenTrial]) -> dict[str, int]:
    """Count the trials by state, those that occur."""
    found = Counter(map(state_of, trials))
    return {state: found[state] for state in STATES if found[state]}


def complete(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that finished with values."""
    return [trial for trial in trials if trial.state is TrialState.COMPLETE and trial.values]


def best_trials(trials: Sequence[FrozenTrial], directions: Sequence[str]) -> list[FrozenTrial]:
    """Return the finished trials, best first and the earlier of equals first; for several objectives, the front."""
    finished = complete(trials)
    if len(directions) > 1:
        return _get_pareto_front_trials_by_trials(finished, [StudyDirection[d.upper()] for d in directions])
    sign = -1.0 if directions[0] == "maximize" else 1.0
    return sorted(finished, key=lambda trial: (sign * trial.values[0], trial.number))


def seconds_of(trial: FrozenTrial) -> float | None:
    """Return how long the trial took; None if it did not start, or is not over."""
    if trial.datetime_start is None or trial.datetime_complete is None:
        return None
    return (trial.datetime_complete - trial.datetime_start).total_seconds()


def directory_of(trial: FrozenTrial) -> str:
    """Return where below the sweep directory the trial's job writes: its number, unless its worker noted another."""
    return str(trial.user_attrs.get("job_dir", trial.number))


def worker_of(trial: FrozenTrial) -> str:
    """Return `host:pid` of the process that ran the trial, empty if nobody wrote it."""
    worker = trial.user_attrs.get("worker")
    return f"{worker.get('host', '')}:{worker.get('pid', '')}" if isinstance(worker, dict) else ""


def reason_of(trial: FrozenTrial) -> str:
    """Return why a trial failed, empty for others."""
    return str(trial.user_attrs.get("error") or trial.user_attrs.get("lost") or "")


def last_moment(trials: Iterable[FrozenTrial]) -> datetime:
    """Return when something was last written about these trials; now, if nothing was.

    A running trial's worker writes `beat`, seconds since the epoch, from time to time.
    """
    moments = [moment for trial in trials for moment in (trial.datetime_start, trial.datetime_complete) if moment]
    beats = [trial.user_attrs.get("beat") for trial in trials if trial.state is TrialState.RUNNING]
    moments += [datetime.fromtimestamp(beat) for beat in beats if isinstance(beat, (int, float))]
    return max(moments, default=datetime.now())


def finite(values: Iterable[float | None]) -> bool:
    """Tell whether all are proper numbers."""
    return all(value is not None and math.isfinite(value) for value in values)


def value_text(value: object) -> str:
    """Write a parameter's value as in an override; a number exactly."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def space_rows(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> tuple[SpaceRow, ...]:
    """Return the rows of the space, and one for each parameter that only the trials know."""
    known = {row.name for row in facts.space}
    names = dict.fromkeys(name for trial in trials for name in trial.params if name not in known)
    return (*facts.space, *(SpaceRow(name, name, "") for name in names))


def by_key(trial: FrozenTrial, rows: Sequence[SpaceRow]) -> dict[str, object]:
    """Return the trial's parameters under their config keys."""
    return {row.key: trial.params[row.name] for row in rows if row.name in trial.params}


def branches(rows: Sequence[SpaceRow]) -> list[BranchPath]:
    """Return every branch that has parameters of its own, the whole space, (), not among them."""
    return list(dict.fromkeys(row.branch for row in rows if row.branch))


def rows_of(branch: BranchPath, rows: Sequence[SpaceRow]) -> list[SpaceRow]:
    """Return the rows that every trial of a branch has, without the choices that lead to it."""
    chosen = {key for key, _ in branch}
    return [row for row in rows if row.branch == branch[: len(row.branch)] and row.key not in chosen]


def is_in(trial: FrozenTrial, branch: BranchPath, rows: Sequence[SpaceRow]) -> bool:
    """Tell whether a trial took the choices that lead to a branch."""
    for depth, (key, option) in enumerate(branch):
        names = [row.name for row in rows if row.key == key and row.branch == branch[:depth]]
        if not any(name in trial.params and value_text(trial.params[name]) == option for name in names):
            return False
    return True


def branch_text(branch: BranchPath) -> str:
    """Write a branch: `model=svm, model.kernel=rbf`."""
    return ", ".join(f"{key}={option}" for key, option in branch)
