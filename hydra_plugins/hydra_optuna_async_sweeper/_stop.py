"""The stop rules, all of them. Pure: the study's trials in, the reason to stop out."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

if TYPE_CHECKING:
    from ._search import Search

BUDGET, TIMEOUT, TARGET, FAILURES = "n_trials", "timeout", "target", "max_failure_rate"

INTERRUPTED = "interrupted"


def is_put_back(trial: FrozenTrial, max_retries: int) -> bool:
    """Tell whether the trial ended without a verdict and is to be tried again, or was."""
    reason = trial.user_attrs.get("lost")
    if trial.state is not TrialState.FAIL or reason is None:
        return False
    return reason == INTERRUPTED or int(trial.user_attrs.get("retries", 0)) < max_retries


def verdicts(trials: Sequence[FrozenTrial], max_retries: int) -> list[FrozenTrial]:
    """Return the finished trials that count for the budget."""
    return [trial for trial in trials if trial.state.is_finished() and not is_put_back(trial, max_retries)]


def stop_reason(trials: Sequence[FrozenTrial], search: "Search") -> str | None:
    """Return the name of the setting that ends the search now; None while it goes on."""
    counted = verdicts(trials, search.max_retries)
    failed = sum(trial.state is TrialState.FAIL for trial in counted)
    if failed > search.max_failure_rate * search.n_trials:
        return FAILURES
    if len(counted) >= search.n_trials:
        return BUDGET
    if search.target is not None and any(reaches(trial, search) for trial in trials):
        return TARGET
    if search.deadline is not None and time.time() >= search.deadline:
        return TIMEOUT
    return None


def reaches(trial: FrozenTrial, search: "Search") -> bool:
    """Tell whether a finished trial is as good as the target asks."""
    if trial.state is not TrialState.COMPLETE or trial.value is None or search.target is None:
        return False
    return trial.value >= search.target if search.directions[0] == "maximize" else trial.value <= search.target
