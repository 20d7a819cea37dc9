"""The front door for several searches side by side: as Markdown, as a page, as plain values."""

from collections.abc import Sequence
from typing import Any

from ._compared import Compared, facts_of_study

__all__ = ["Compared", "SideBySide", "facts_of_study"]


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
