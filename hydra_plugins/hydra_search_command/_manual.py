"""`reference` and `schema`: every key of sweeper and callbacks, for people and for editors."""

import argparse
import json
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.errors import NotFound

from ._output import say

if TYPE_CHECKING:
    from ._output import Verbs


def add(verbs: "Verbs") -> None:
    """Add both."""
    reference = verbs.add_parser("reference", help="print every key: default, meaning, example")
    reference.add_argument("key", nargs="?", default="", help="only the keys that begin so, as hydra.sweeper")
    reference.set_defaults(run=_reference)
    schema = verbs.add_parser("schema", help="print a JSON Schema of these keys, for editors")
    schema.set_defaults(run=_schema)


def _reference(options: argparse.Namespace) -> None:
    from ._reference import reference_text

    try:
        say(reference_text(options.key))
    except LookupError as error:
        raise NotFound(str(error)) from None


def _schema(_: argparse.Namespace) -> None:
    from ._schema import schema

    say(json.dumps(schema(), indent=2))
