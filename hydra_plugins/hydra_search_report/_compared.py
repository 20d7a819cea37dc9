"""What a comparison is told of each search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._facts import SearchFacts

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Compared:
    """One of the searches."""

    name: str  # by which it is told from the others
    facts: SearchFacts
    trials: Sequence["FrozenTrial"]  # of the whole study, by number
    status: str
    place: str = ""  # where the study lives, without a password
    directory: Path | None = None  # the sweep directory, where there is one
    fingerprint: Mapping[str, Any] | None = None  # what the search was begun with, as the study keeps it


def facts_of_study(study_name: str, directions: Sequence[str], metrics: Sequence[str] | None) -> SearchFacts:
    """Return what there is to know of a study beside which nothing was recorded: no budget, no settings."""
    several = [f"value {place}" for place in range(len(directions))] if len(directions) > 1 else ["value"]
    names = tuple(metrics or several)
    return SearchFacts(study_name, tuple(d.lower() for d in directions), names, n_trials=0, n_jobs=0, directory="")
