"""The best trial, and what repeats it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from optuna.trial import FrozenTrial

from ._facts import SearchFacts
from ._rerun import rerun_overrides
from ._trials import best_trials, directory_of


@dataclass(frozen=True)
class Best:
    """The best trial, or the first of the Pareto front."""

    trial: FrozenTrial
    # trials that share its rank: those of the front; 1 for a single objective
    front: int
    # the override lines that repeat it; None: its directory keeps none
    overrides: list[str] | None


def find_best(facts: SearchFacts, trials: Sequence[FrozenTrial], directory: Path) -> Best | None:
    """Return the best finished trial, None if there is none."""
    ranked = best_trials(trials, facts.directions)
    if not ranked:
        return None
    front = len(ranked) if len(facts.directions) > 1 else 1
    return Best(ranked[0], front, rerun_overrides(directory / directory_of(ranked[0]), facts))
