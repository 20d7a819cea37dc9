"""`hydra-search VERB`: what the plugins can be asked beside a search.

hydra-search reference            every key of sweeper and callbacks
hydra-search schema > search.json a JSON Schema of them, for editors
"""

import argparse
import sys
from collections.abc import Sequence

from hydra_plugins.hydra_search.errors import SearchError, one_line


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks for. A refusal is one line, and exit status 2."""
    from ._verbs import ADD

    parser = argparse.ArgumentParser(prog="hydra-search", description="What the plugins can be asked beside a search.")
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
