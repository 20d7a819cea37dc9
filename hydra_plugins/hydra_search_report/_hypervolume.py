"""How much of the space of objectives the trials of each search dominate, beyond the worst values of all of them."""

import logging
from collections.abc import Sequence

from hydra_plugins.hydra_search.trials import MAXIMIZE

from ._best_so_far import feasible
from ._compared import Compared
from ._plots import quiet, study_of
from ._trials import finite

MOST_OBJECTIVES = 3  # the cost grows by powers of their number

log = logging.getLogger(__name__)


def hypervolumes(searches: Sequence[Compared]) -> dict[str, float]:
    """Return the hypervolume of each search's front, by name, as Optuna computes it; empty for a single objective.

    Args:
        searches: of the same objectives. The greater their volumes the better; they are comparable with each other.
    """
    directions = searches[0].facts.directions
    if not 1 < len(directions) <= MOST_OBJECTIVES:
        return {}
    of_all = {search.name: [t for t in feasible(search.trials) if finite(t.values)] for search in searches}
    values = [trial.values for trials in of_all.values() for trial in trials]
    if not values:
        return {}
    columns = zip(*values, strict=True)
    worst = [min(column) if d == MAXIMIZE else max(column) for d, column in zip(directions, columns, strict=True)]
    try:
        with quiet():
            from optuna.visualization import plot_hypervolume_history

            histories = {
                name: plot_hypervolume_history(study_of(trials, *directions), worst).data[0].y
                for name, trials in of_all.items()
                if trials
            }
    except Exception:  # an experimental part of Optuna: no reason to fail for its sake
        log.debug("The hypervolume can't be computed", exc_info=True)
        return {}
    return {name: float(history[-1]) for name, history in histories.items() if len(history)}
