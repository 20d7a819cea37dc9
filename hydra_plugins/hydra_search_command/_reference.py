"""`reference` and `schema`: every key of sweeper and callbacks, its default, meaning and example; for editors too."""

import argparse
import json
import textwrap
from shlex import quote
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args

from hydra_plugins.hydra_search.errors import NotFound

from ._options import Node, Option, is_set_elsewhere, nodes
from ._output import say

if TYPE_CHECKING:
    from ._output import Verbs

WIDTH = 110
OPTUNA = "https://optuna.readthedocs.io/en/stable/reference"


def add(verbs: "Verbs") -> None:
    """Add both."""
    reference = verbs.add_parser("reference", help="print every key: default, meaning, example")
    reference.add_argument("key", nargs="?", default="", help="only the keys that begin so, as hydra.sweeper")
    reference.set_defaults(run=lambda options: say(reference_text(options.key)))
    schema = verbs.add_parser("schema", help="print a JSON Schema of these keys, for editors")
    schema.set_defaults(run=_schema)


def _schema(_: argparse.Namespace) -> None:
    from ._schema import schema

    say(json.dumps(schema(), indent=2))


def reference_text(start: str = "") -> str:
    """Return the text.

    Args:
        start: of the keys that are wanted.

    Raises:
        NotFound: no key begins so.
    """
    parts = [_text(node, start) for node in nodes()]
    found = [part for part in parts if part]
    if not found:
        known = ", ".join(sorted({node.key for node in nodes()}))
        raise NotFound(f"no key begins with {start!r}; there are {known}")
    return "\n\n".join(found)


def _text(node: Node, start: str) -> str:
    options = [option for option in node.options if option.key.startswith(start)]
    if not options and not node.key.startswith(start):
        return ""
    lines = [f"{node.choice}", *textwrap.wrap(node.text, WIDTH), ""]
    return "\n".join([*lines, *(_option(option) for option in options)]).rstrip()


def _option(option: Option) -> str:
    default = "" if is_set_elsewhere(option) else f" = {_as_yaml(option.default)}"
    lines = [f"  {option.key}: {kind_text(option.kind)}{default}"]
    lines += textwrap.wrap(option.meaning, WIDTH, initial_indent="      ", subsequent_indent="      ")
    return "\n".join([*lines, *([f"      e.g. {quote(option.example)}"] if option.example else [])])


def kind_text(kind: Any) -> str:
    """Write a type as a person of YAML knows it."""
    names = {int: "whole number", float: "number", str: "text", bool: "true or false", type(None): "null"}
    if isinstance(kind, UnionType):
        return " or ".join(kind_text(part) for part in get_args(kind))
    if str(kind).startswith("list"):
        return "list"
    if str(kind).startswith("dict"):
        return "mapping"
    return names.get(kind, "see below")


def _as_yaml(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
