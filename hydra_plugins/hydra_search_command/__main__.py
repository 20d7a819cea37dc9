"""`hydra-search VERB SEARCH`: what can be asked of a search, and done to it, beside it.

A SEARCH is a sweep directory, or a study's name (with --storage URL, or below multirun/). `hydra-search VERB --help`.

hydra-search status train-1       state, counts, best, workers, time left, last error
hydra-search list                 the searches below multirun/
hydra-search compare one two      side by side: Markdown, and comparison.html
hydra-search stop train-1         and cancel, pause, resume, set n_trials=200
hydra-search enqueue train-1 'model.C=1.0'
hydra-search report train-1       and deliver: what a killed search has left undone
hydra-search clean train-1        delete it
hydra-search reference            every key of sweeper and callbacks
hydra-search schema > search.json a JSON Schema of them, for editors
"""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from hydra_plugins.hydra_search.errors import SearchError, one_line

from ._output import describe


class Parser(argparse.ArgumentParser):
    """A parser whose refusals are one line, as all of this command's are."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and exit with status 2."""
        self.exit(2, f"{self.prog}: {one_line(message)}. See: {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks for. A refusal is one line, and exit status 2."""
    from ._verbs import ADD

    parser: argparse.ArgumentParser = Parser(prog="hydra-search")
    describe(parser, __doc__)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for add in ADD:
        add(verbs)
    options = parser.parse_args(arguments)
    try:
        status = options.run(options)
    except SearchError as error:
        parser.exit(2, f"{parser.prog} {options.verb}: {one_line(error)}\n")
    except BrokenPipeError:  # whoever reads has seen enough, as `head` does
        sys.stderr.close()
        raise SystemExit(1) from None
    if status:
        raise SystemExit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
