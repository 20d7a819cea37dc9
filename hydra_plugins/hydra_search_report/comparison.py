"""The front door for several searches side by side: as Markdown, as a page, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._facts import SearchFacts

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = ["Compared", "SideBySide", "facts_of_study"]


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


class SideBySide:
    """Searches side by side, worked out once."""

    def __init__(self, searches: Sequence[Compared]) -> None:
        from ._comparison import compare

        self._comparison = compare(searches)

    def markdown(self) -> str:
        """Return what to think of them, and tables: of the best, of the settings that differ and of the parameters."""
        from ._comparison_text import markdown

        return markdown(self._comparison)

    def page(self) -> str:
        """Return the same as one self-contained page, HTML, with curves of the best so far: 4.7 MB and the points."""
        from ._comparison_page import page

        return page(self._comparison)

    def plain(self) -> dict[str, Any]:
        """Return the same in plain containers; times are in seconds."""
        from ._comparison_text import plain

        return plain(self._comparison)
