"""A JSON Schema of a configuration's `hydra` node, as far as it is ours, for editors that complete and check YAML."""

from types import UnionType
from typing import Any, get_args

from ._options import Node, Option, is_set_elsewhere, nodes

DIALECT = "https://json-schema.org/draft/2020-12/schema"
INTERPOLATION = {"type": "string", "pattern": r"\$\{"}
TYPES = {int: "integer", float: "number", str: "string", bool: "boolean", type(None): "null"}

Schema = dict[str, Any]  # Any: JSON


def schema() -> Schema:
    """Return it; what else a configuration has is left alone."""
    whole: Schema = {"$schema": DIALECT, "title": "A Hydra configuration that searches with optuna_async"}
    whole |= {"type": "object", "properties": {}}
    for node in nodes():
        *above, name = node.key.split(".")
        here = whole
        for part in above:
            here = here["properties"].setdefault(part, {"type": "object", "properties": {}})
        if here.get("additionalProperties", True):  # else an option whose values have keys of their own
            here["properties"][name] = _node(node)
    return whole


def _node(node: Node) -> Schema:
    properties = {option.key.rpartition(".")[2]: _option(option) for option in node.options}
    known = {"_target_": {"type": "string"}, "_recursive_": {"type": "boolean"}, "defaults": {"type": "array"}}
    known["checked"] = {}
    described: Schema = {"type": "object", "description": node.text, "properties": known | properties}
    return described | {"additionalProperties": False}


def _option(option: Option) -> Schema:
    described: Schema = {"description": option.meaning}
    if not is_set_elsewhere(option):
        described["default"] = option.default
    if option.example:
        described["examples"] = [option.example]
    kinds = _kinds(option.kind)
    return described | ({"anyOf": [*kinds, INTERPOLATION]} if kinds else {})


def _kinds(kind: Any) -> list[Schema]:
    """Return what fits a type; nothing for one that takes anything."""
    if isinstance(kind, UnionType):
        return [found for part in get_args(kind) for found in _kinds(part)]
    if kind in TYPES:
        return [{"type": TYPES[kind]}]
    if str(kind).startswith("list"):
        return [{"type": "array"}]
    return [{"type": "object"}] if str(kind).startswith("dict") else []
