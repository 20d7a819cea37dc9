"""Which runs confirm the best trials of a search, and what they have said of these."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search.confirmation import first_place
from hydra_plugins.hydra_search.owner import is_ours
from hydra_plugins.hydra_search.trials import (
    CONFIRMS,
    best_of_search,
    best_trials,
    confirmed_trials,
    is_confirmation,
    searched,
)

from ._progress import DIGITS
from ._stop import ALIKE, FAILURES, OF_PEOPLE

if TYPE_CHECKING:
    from ._spec import Search

log = logging.getLogger(__name__)


def may_confirm(reason: str, search: "Search") -> bool:
    """Tell whether a search that ended for this reason confirms its best trials: not one that fails, or is to end."""
    return search.confirmation is not None and reason not in (FAILURES, ALIKE, *OF_PEOPLE)


def missing(trials: Sequence[FrozenTrial], search: "Search") -> list[tuple[FrozenTrial, dict[str, object]]]:
    """Return the runs that nobody has begun, as trials to run again with the attribute that makes each a confirmation.

    None while a trial of the search runs, which may be one of the best.
    """
    confirmation = search.confirmation
    if confirmation is None or any(t.state is TrialState.RUNNING and is_ours(t) for t in searched(trials)):
        return []
    begun = {(of["trial"], of["override"]) for of in (t.user_attrs[CONFIRMS] for t in trials if is_confirmation(t))}
    return [
        (trial, {CONFIRMS: {"trial": trial.number, "override": override}})
        for trial in candidates(trials, search.directions, confirmation.top)
        for override in confirmation.overrides
        if (trial.number, override) not in begun
    ]


def candidates(trials: Sequence[FrozenTrial], directions: Sequence[str], top: int) -> list[FrozenTrial]:
    """Return so many of the trials that the search thinks best, with different parameters."""
    distinct: list[FrozenTrial] = []
    for trial in best_of_search(trials, directions):
        if len(distinct) < top and not any(trial.params == other.params for other in distinct):
            distinct.append(trial)
    return distinct


def say_confirmed(search: "Search", trials: Sequence[FrozenTrial]) -> dict[str, float]:
    """Log what was confirmed, and whether the first place is clear. Returns mean and spread of the first's runs."""
    found = confirmed_trials(trials)
    ranked = [(t.number, t.values[0]) for t in best_trials(trials, search.directions) if t.number in found]
    if not ranked:
        if search.confirmation is not None:
            log.warning("No trial was confirmed: no confirming run has finished.")
        return {}
    metric, first = search.metrics[0], found[ranked[0][0]]
    log.info(f"Confirmed with {', '.join(first.values)}: mean ± standard deviation of the runs")
    for number, value in ranked:
        of = found[number]
        log.info(f"    Trial {number}: {metric} {of.mean:{DIGITS}} ± {of.std:.2g}; in the search {value:{DIGITS}}")
    if sentence := first_place([(number, found[number]) for number, _ in ranked]):
        log.info(sentence)
    return {"confirmed_mean": first.mean, "confirmed_std": first.std}
