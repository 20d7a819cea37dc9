"""How verbs print: text for a person, or with `--json` one JSON document for a program."""

import argparse
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


def add_json(parser: argparse.ArgumentParser) -> None:
    """Give a verb the option `--json`: `options.json`."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def say(text: str) -> None:
    """Print a text."""
    print(text)  # noqa: T201  # what was asked for


def say_json(content: object) -> None:
    """Print plain containers as JSON; what is nan or infinite as null, as JSON has no word for it."""
    say(json.dumps(_finite(content), indent=2, default=str))


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
