"""The stop rules, all of them. Pure: what is known of the study's trials in, the reason to stop out."""

import time
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.trials import REPEATS
from hydra_plugins.hydra_search.wishes import CANCEL, STOP

if TYPE_CHECKING:
    from ._spec import Search
    from ._tally import Tally

BUDGET, TIMEOUT, TARGET, FAILURES = "n_trials", "timeout", "target", "max_failure_rate"
ALIKE = "max_initial_failures"
STAGNATION = "max_stagnation_trials"
SAMPLER = "sampler"  # it has tried every point
DUPLICATES = "duplicates"  # nothing new is drawn any more
REPEATS_IN_A_ROW = 30
OF_PEOPLE = (STOP, CANCEL)  # who wanted it to end


def stop_reason(tally: "Tally") -> str | None:
    """Return the name of the setting, or the wish, that ends the search now; None while it goes on."""
    search = tally.search
    if tally.faults > search.max_failure_rate * search.n_trials:
        return FAILURES
    if search.max_initial_failures is not None and _fail_alike(tally, search.max_initial_failures):
        return ALIKE
    if search.state in OF_PEOPLE:
        return search.state
    if len(tally.over) >= search.n_trials:
        return BUDGET
    if search.target is not None and tally.is_reached:
        return TARGET
    if search.max_stagnation_trials is not None and tally.stagnation.count >= search.max_stagnation_trials:
        return STAGNATION
    if tally.is_exhausted:
        return SAMPLER
    if _draws_nothing_new(tally):
        return DUPLICATES
    return TIMEOUT if is_out_of_time(search) else None


def is_out_of_time(search: "Search") -> bool:
    """Tell whether the deadline has passed; on another machine, whose clock may differ, whether the sweep says so."""
    if search.timeout is None:
        return False
    return time.time() >= search.deadline if search.sweeper.is_here() else search.timed_out


def _fail_alike(tally: "Tally", enough: int) -> bool:
    """Tell whether all trials of this sweep so far, `enough` of them, have failed for one reason."""
    return tally.over_here >= enough and tally.reasons is not None and len(tally.reasons) == 1


def _draws_nothing_new(tally: "Tally") -> bool:
    """Tell whether the last trials that ended were all repetitions, and this sweep has made enough of them.

    An earlier sweep may have ended for that, in a smaller space; of two at once, each makes some of the last ones.
    """
    last = tally.ended[-REPEATS_IN_A_ROW:]
    if len(last) < REPEATS_IN_A_ROW or not all(REPEATS in trial.user_attrs for trial in last):
        return False
    return tally.repeated_here >= REPEATS_IN_A_ROW
