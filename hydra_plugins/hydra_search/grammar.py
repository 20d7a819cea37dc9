"""Hydra's sweep grammar: an entry `key: value` parsed, and refused where it makes no sense; and values written.

The grammar: https://hydra.cc/docs/advanced/override_grammar/extended/
"""

import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    Quote,
    QuotedString,
    RangeSweep,
    Sweep,
)
from hydra.errors import HydraException

from .errors import BadInput, bad_input, suggestion

log = logging.getLogger(__name__)

KNOWN_TAGS = ("log",)
EXAMPLES = "range(1, 6), int(interval(1, 5)), interval(0.1, 1.0) or choice(a, b)"


@dataclass(frozen=True)
class Entry:
    """One swept key."""

    key: str  # as written, with the `+` of an appended key
    text: str  # the value as written
    override: Override

    @property
    def name(self) -> str:
        """The config key or config group, without `+` and `@package`."""
        return self.override.key_or_group

    def options(self) -> list[str]:
        """Return every value as an override writes it; of an interval only the lowest."""
        value = self.override.value()
        return [str(value.start)] if isinstance(value, IntervalSweep) else list(self.override.sweep_string_iterator())

    def first(self) -> str:
        """Return the first value; of an interval the lowest."""
        is_interval = self.override.is_interval_sweep()
        return self.options()[0] if is_interval else next(self.override.sweep_string_iterator())

    def second(self) -> str:
        """Return another value than the first; of an interval the highest. The first, if there is no other."""
        value = self.override.value()
        if isinstance(value, IntervalSweep):
            return str(value.end)
        return next((text for text in self.override.sweep_string_iterator() if text != self.first()), self.first())


def parse_entry(key: str, value: object) -> Entry:
    """Parse `key: value` of a search space.

    Raises:
        BadInput: a constant, no valid grammar, an unknown function or tag, bounds in the wrong order,
            an empty range, a logarithm of zero or less.
    """
    if not isinstance(value, str) or not value.strip():
        raise _constant(key, value)
    try:
        override = parser().parse_override(f"{key}={value}")
    except HydraException as error:
        raise _unreadable(key, value, error) from error
    if not override.is_sweep_override():
        raise _constant(key, value)
    return checked(Entry(key, value, override))


def is_constant(key: str, value: object) -> bool:
    """Whether `key: value` sets a value instead of sweeping it. What can't be parsed is left to `parse_entry`."""
    if not isinstance(value, str):
        return not isinstance(value, Mapping)
    try:
        return not parser().parse_override(f"{key}={value}").is_sweep_override()
    except HydraException:
        return False


def constant_text(value: object) -> str:
    """Write a constant of the space as an override: a string as it stands, in the grammar."""
    return value if isinstance(value, str) else override_text(value)


def checked(entry: Entry) -> Entry:
    """Return the entry if its bounds and tags make sense. Raises BadInput, see `parse_entry`."""
    value = entry.override.value()
    if isinstance(value, Sweep):
        _check_tags(entry, value)
    if isinstance(value, RangeSweep):
        _check_range(entry, value)
    elif isinstance(value, IntervalSweep):
        _check_interval(entry, value)
    return entry


def refuse_sign(key: str, given: Mapping[str, Override]) -> None:
    """Refuse `+key` and `~key` on the command line for a key of the space. Raises BadInput."""
    for other, override in given.items():
        if other != key and other.lstrip("+~") == key.lstrip("+"):
            rule = f"is in the search space, so {other} on the command line would undo every trial's own value"
            remedy = f"Write {key}=<value> to fix it, without a sign before the key."
            raise bad_input(key, override.input_line, rule, remedy)


def require_choices(entry: Entry) -> ChoiceSweep | RangeSweep | IntervalSweep:
    """Return the sweep; refuse `glob(...)`, which upstream's Optuna sweeper can't read. Raises BadInput."""
    value = entry.override.value()
    if not isinstance(value, (ChoiceSweep, RangeSweep, IntervalSweep)):
        rule = "the Optuna sweeper can't read glob"
        raise bad_input(entry.key, entry.text, rule, "Name the options: choice(a, b).")
    return value


def interval_text(low: float, high: float, whole: bool, is_log: bool) -> str:
    """Write an interval in the grammar."""
    text = f"interval({low:g}, {high:g})"
    text = f"int({text})" if whole else text
    return f"tag(log, {text})" if is_log else text


def _constant(key: str, value: object) -> BadInput:
    rule = "a search space needs a range or a choice, not a constant"
    remedy = f"Write {EXAMPLES}; to fix the value, take the key out of the space and set it in the config."
    return bad_input(key, value, rule, remedy)


def _unreadable(key: str, text: str, error: HydraException) -> BadInput:
    known = parser().functions.functions
    unknown = [name for name in re.findall(r"([A-Za-z_]\w*)\s*\(", text) if name not in known]
    if unknown:
        return bad_input(key, text, f"unknown function {unknown[0]}", suggestion(unknown[0], known))
    reason = str(error).splitlines()[0]
    return bad_input(key, text, "not in Hydra's sweep grammar", f"Write {EXAMPLES} ({reason}).")


def _check_tags(entry: Entry, value: Sweep) -> None:
    for tag in sorted(value.tags - set(KNOWN_TAGS)):
        raise bad_input(entry.key, entry.text, f"unknown tag {tag}", suggestion(tag, KNOWN_TAGS))
    if value.tags and not isinstance(value, IntervalSweep):
        remedy = "Write tag(log, interval(low, high)) or tag(log, int(interval(low, high)))."
        _say_once(
            f"{entry.key}: the tag changes nothing, only an interval can be logarithmic, got {entry.text}. {remedy}"
        )


def _check_range(entry: Entry, value: RangeSweep) -> None:
    start, stop, step = (float(number or 0) for number in (value.start, value.stop, value.step))
    _require_finite(entry, start, stop, step)
    if step == 0:
        raise bad_input(entry.key, entry.text, "the step must not be 0", "Write range(low, high, 1).")
    if (stop - start) * step > 0:
        return
    remedy = f"Write range({stop:g}, {start:g})." if stop < start else f"Write range({start:g}, {start + abs(step):g})."
    rule = "the range is empty: low must be below high, and high itself is excluded"
    raise bad_input(entry.key, entry.text, rule, remedy)


def _check_interval(entry: Entry, value: IntervalSweep) -> None:
    low, high = float(value.start or 0), float(value.end or 0)
    _require_finite(entry, low, high)
    is_log, whole = "log" in value.tags, isinstance(value.start, int)
    if low > high:
        remedy = f"Write {interval_text(high, low, whole, is_log)}."
        raise bad_input(entry.key, entry.text, "low must not be above high", remedy)
    if is_log and low <= 0:
        low = 1 if whole else min(1e-4, high / 10)
        remedy = f"Write {interval_text(low, high, whole, True)}, or leave the tag out."
        raise bad_input(entry.key, entry.text, "a log interval needs a low above 0", remedy)


def _require_finite(entry: Entry, *bounds: float) -> None:
    if not all(math.isfinite(bound) for bound in bounds):
        remedy = "Write a lowest and a highest value."
        raise bad_input(entry.key, entry.text, "the bounds must be finite numbers", remedy)


def override_text(value: object) -> str:
    """Write a value so that Hydra reads the same one from an override; a quoted string keeps its quotes.

    Raises:
        TypeError: no such value can stand in an override.
    """
    if isinstance(value, QuotedString):
        return value.with_quotes()
    if isinstance(value, str):
        return value if _reads_back(value) else QuotedString(value, Quote.single).with_quotes()
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{override_text(key)}:{override_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(override_text, value)) + "]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    raise TypeError(type(value).__name__)


def override_value(text: str) -> object:
    """Return the value that Hydra reads from an override's text. Raises HydraException."""
    value: object = parser().parse_override(f"key={text}").value()
    return value


def as_written(value: object) -> object:
    """Read a string as the command line would (`"[50]"` is a list); what it can't read, and other values, stay."""
    if not isinstance(value, str):
        return value
    try:
        override = parser().parse_override(f"key={value}")
    except HydraException:
        return value
    element: object = override.value()
    return value if override.is_sweep_override() else element


def _reads_back(text: str) -> bool:
    try:
        return override_value(text) == text and override_value(f"[{text}]") == [text]
    except HydraException:
        return False


@cache
def _say_once(line: str) -> None:
    log.warning(line)


@cache
def parser() -> OverridesParser:
    """Return the one parser of this process, without a loader: `glob(...)` has no options."""
    return OverridesParser.create()
