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


def describe(parser: argparse.ArgumentParser, text: str | None) -> argparse.ArgumentParser:
    """Let `--help` say the first line of a module's docstring before the arguments, and the rest after them, as is."""
    parser.description, _, parser.epilog = (text or "").partition("\n\n")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser


def duration(seconds: object) -> str:
    """Write a number of seconds: `12 s`, `3 min 4 s`, `2 h 5 min`, `3 d 4 h`."""
    left = int(seconds) if isinstance(seconds, (int, float)) else 0
    for size, unit, inner, inner_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if left >= size:
            rest = left % size // inner
            return f"{left // size} {unit}" + (f" {rest} {inner_unit}" if rest else "")
    return f"{left} s"


def overrides_text(params: object) -> str:
    """Write parameters as overrides, real numbers with six digits."""
    pairs = params.items() if isinstance(params, Mapping) else ()
    return " ".join(f"{key}={_word(value)}" for key, value in pairs)


def _word(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)
