"""From a job's configuration and result files to what MLflow accepts. Pure: data in, data out.

The limits are those of mlflow.utils.validation (MLflow 3.17).
"""

import json
import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hydra_plugins.hydra_search.files import METRICS
from hydra_plugins.hydra_search.urls import masked

MAX_KEY_LENGTH = 250
MAX_PARAM_LENGTH = 6000
MAX_TAG_LENGTH = 8000

_NOT_ALLOWED = re.compile(r"[^/\w.\- :]")


def flatten(config: object, prefix: str = "") -> dict[str, str]:
    """Turn nested containers into {"model.max_depth": "5"}; lists without mappings stay whole, empty ones too."""
    if isinstance(config, Mapping) and config:
        items: Iterable[tuple[Any, object]] = config.items()  # Any: YAML keys may be numbers
    elif isinstance(config, Sequence) and not isinstance(config, str) and any(isinstance(x, Mapping) for x in config):
        items = enumerate(config)
    else:
        return {prefix: str(config)}
    flat: dict[str, str] = {}
    for key, value in items:
        flat |= flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return flat


def params_of(config: Mapping[str, object], exclude: Sequence[str]) -> dict[str, str]:
    """Return the parameters of a job: its resolved configuration without the keys in `exclude` and all below them."""
    return {
        clean_key(key): shorten(masked(value), MAX_PARAM_LENGTH)
        for key, value in flatten(config).items()
        if not any(key == other or key.startswith(f"{other}.") for other in exclude)
    }


def clean_key(key: str) -> str:
    """Return a name that MLflow accepts: letters, digits and `/_.- :`, at most 250 of them, no path tricks."""
    clean = _NOT_ALLOWED.sub("_", key).strip("/") or "_"
    clean = re.sub(r"(?<![^/])\.+(?=/|$)", "_", re.sub(r"/+", "/", clean))
    return shorten(clean, MAX_KEY_LENGTH)


def clean_text(text: str, length: int | None = None) -> str:
    """Return a text that every store takes, cut to `length`: what UTF-8 can't say, and NUL, as an escape."""
    clean = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return clean if length is None else shorten(clean, length)


def clean_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags that MLflow accepts."""
    return {clean_key(key): clean_text(value, MAX_TAG_LENGTH) for key, value in tags.items()}


def shorten(text: str, length: int) -> str:
    """Cut `text` to `length` characters, with an ellipsis where something is missing."""
    return text if len(text) <= length else text[: length - 3] + "..."


def numbers_in(text: str) -> dict[str, float]:
    """Return the finite numbers in a JSON object, nested ones under dotted keys.

    Raises:
        ValueError: `text` is not a JSON object.
    """
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError(f"{METRICS} must hold an object of names and numbers, got {type(content).__name__}")
    return {clean_key(key): value for key, value in _numbers(content, "")}


def _numbers(content: Mapping[str, object], prefix: str) -> Iterator[tuple[str, float]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{key}.")
        elif isinstance(value, (int, float)) and _is_finite(value):
            yield f"{prefix}{key}", float(value)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an integer that no float can hold
        return False


def now() -> int:
    """Return the time in milliseconds since the epoch, as MLflow counts it."""
    return time.time_ns() // 1_000_000
