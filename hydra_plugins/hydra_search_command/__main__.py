"""`hydra-search VERB`: what the plugins can be asked beside a search.

hydra-search reference            every key of sweeper and callbacks
hydra-search schema > search.json a JSON Schema of them, for editors
"""

import argparse
import json
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(prog="hydra-search", description="What the plugins can be asked beside a search.")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    reference = verbs.add_parser("reference", help="print every key: default, meaning, example")
    reference.add_argument("key", nargs="?", default="", help="only the keys that begin so, as hydra.sweeper")
    verbs.add_parser("schema", help="print a JSON Schema of these keys, for editors")
    options = parser.parse_args(arguments)
    if options.verb == "schema":
        from ._schema import schema

        print(json.dumps(schema(), indent=2))  # noqa: T201  # what was asked for
        return
    from ._reference import reference_text

    try:
        print(reference_text(options.key))  # noqa: T201  # what was asked for
    except LookupError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
