"""The stop rules, all of them. Pure: the study's trials in, the reason to stop out."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search.trials import MAXIMIZE, Outcome, finished, outcome_of, over

if TYPE_CHECKING:
    from ._spec import Search

BUDGET, TIMEOUT, TARGET, FAILURES = "n_trials", "timeout", "target", "max_failure_rate"


def stop_reason(trials: Sequence[FrozenTrial], search: "Search") -> str | None:
    """Return the name of the setting that ends the search now; None while it goes on."""
    counted = over(trials, search.max_retries)
    failed = sum(outcome_of(trial, search.max_retries) is Outcome.FAILED for trial in counted)
    if failed > search.max_failure_rate * search.n_trials:
        return FAILURES
    if len(counted) >= search.n_trials:
        return BUDGET
    if search.target is not None and any(reaches(trial, search) for trial in finished(trials)):
        return TARGET
    if search.deadline is not None and time.time() >= search.deadline:
        return TIMEOUT
    return None


def reaches(trial: FrozenTrial, search: "Search") -> bool:
    """Tell whether a finished trial is as good as the target asks."""
    if search.target is None or trial.value is None:
        return False
    return trial.value >= search.target if search.directions[0] == MAXIMIZE else trial.value <= search.target
