"""A hint for an argument that the shell has cut in pieces: Hydra's own error can't know what it was."""

import sys
from collections.abc import Iterator, Sequence

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

OPENING, CLOSING = "([{", ")]}"


class ShellHint(SearchPathPlugin):
    """Of a plugin's hooks, the only one that comes before the command line is parsed."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Say on stderr which arguments need quotes. Nothing is added to the path."""
        for whole in cut_arguments(sys.argv[1:]):
            sys.stderr.write(f"The shell has cut an argument at its spaces. Put it in quotes: '{whole}'\n")


def cut_arguments(arguments: Sequence[str]) -> Iterator[str]:
    """Yield what was one argument, `key=interval(1, 10)`, before the shell cut it at its spaces."""
    left = iter(arguments)
    for argument in left:
        if "=" not in argument or "'" in argument or '"' in argument or _open(argument) <= 0:
            continue
        pieces = [argument]
        for piece in left:
            pieces.append(piece)
            if _open(" ".join(pieces)) <= 0:
                yield " ".join(pieces)
                break


def _open(text: str) -> int:
    """Return how many brackets are left open."""
    return sum(text.count(bracket) for bracket in OPENING) - sum(text.count(bracket) for bracket in CLOSING)
