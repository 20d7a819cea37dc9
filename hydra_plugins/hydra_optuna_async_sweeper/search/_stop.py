"""The stop rules, all of them. Pure: the study's trials in, the reason to stop out."""

import math
import re
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search.owner import sweeper_of
from hydra_plugins.hydra_search.trials import (
    EXHAUSTED,
    MAXIMIZE,
    REPEATS,
    Outcome,
    finished,
    is_feasible,
    outcome_of,
    over,
    reason_of,
    searched,
)

if TYPE_CHECKING:
    from ._spec import Search

BUDGET, TIMEOUT, TARGET, FAILURES = "n_trials", "timeout", "target", "max_failure_rate"
ALIKE = "max_initial_failures"
STAGNATION = "max_stagnation_trials"
SAMPLER = "sampler"  # it has tried every point
DUPLICATES = "duplicates"  # nothing new is drawn any more
REPEATS_IN_A_ROW = 30
# What differs between two trials that fail for one reason.
OF_ONE_TRIAL = re.compile(r"0x[0-9a-f]+|[-+]?\d[\d.]*(e[-+]?\d+)?", re.IGNORECASE)


def stop_reason(trials: Sequence[FrozenTrial], search: "Search") -> str | None:
    """Return the name of the setting that ends the search now; None while it goes on."""
    trials = searched(trials)
    counted = over(trials, search.max_retries)
    failed = sum(outcome_of(trial, search.max_retries) is Outcome.FAILED for trial in counted)
    if failed > search.max_failure_rate * search.n_trials:
        return FAILURES
    if search.max_initial_failures is not None and _fail_alike(counted, search, search.max_initial_failures):
        return ALIKE
    if len(counted) >= search.n_trials:
        return BUDGET
    if search.target is not None and any(reaches(trial, search) for trial in finished(trials)):
        return TARGET
    if search.max_stagnation_trials is not None and stagnating(counted, search) >= search.max_stagnation_trials:
        return STAGNATION
    if any(trial.user_attrs.get(EXHAUSTED) == search.sweeper.as_attribute() for trial in trials):
        return SAMPLER
    if _draws_nothing_new(trials, search):
        return DUPLICATES
    if search.deadline is not None and time.time() >= search.deadline:
        return TIMEOUT
    return None


def _fail_alike(counted: Sequence[FrozenTrial], search: "Search", enough: int) -> bool:
    """Tell whether all trials of this sweep so far, `enough` of them, have failed for one reason."""
    of_sweep = [trial for trial in counted if sweeper_of(trial) == search.sweeper]
    if len(of_sweep) < enough or any(outcome_of(t, search.max_retries) is not Outcome.FAILED for t in of_sweep):
        return False
    return len({OF_ONE_TRIAL.sub("#", reason_of(trial)) for trial in of_sweep}) == 1


def _draws_nothing_new(trials: Sequence[FrozenTrial], search: "Search") -> bool:
    """Tell whether the last trials that ended were all repetitions, and this sweep has made enough of them.

    An earlier sweep may have ended for that, in a smaller space; of two at once, each makes some of the last ones.
    """
    last = [REPEATS in trial.user_attrs for trial in trials if trial.state.is_finished()][-REPEATS_IN_A_ROW:]
    if len(last) < REPEATS_IN_A_ROW or not all(last):
        return False
    of_sweep = [trial for trial in trials if REPEATS in trial.user_attrs and sweeper_of(trial) == search.sweeper]
    return len(of_sweep) >= REPEATS_IN_A_ROW


def stagnating(counted: Iterable[FrozenTrial], search: "Search") -> int:
    """Return how many trials have ended, finished or pruned, since one has bettered the best enough.

    In the order in which they ended. Only a trial that keeps the constraints betters anything.
    """
    sign = 1.0 if search.directions[0] == MAXIMIZE else -1.0
    best, since = -math.inf, 0
    ended = [trial for trial in counted if trial.datetime_complete and trial.state is not TrialState.FAIL]
    for trial in sorted(ended, key=lambda trial: (trial.datetime_complete, trial.number)):
        since += 1
        if trial.state is TrialState.COMPLETE and trial.value is not None and is_feasible(trial):
            if sign * trial.value > best + search.min_improvement:
                since = 0
            best = max(best, sign * trial.value)
    return since


def reaches(trial: FrozenTrial, search: "Search") -> bool:
    """Tell whether a finished trial is as good as the target asks, within the constraints."""
    if search.target is None or trial.value is None or not is_feasible(trial):
        return False
    return trial.value >= search.target if search.directions[0] == MAXIMIZE else trial.value <= search.target
