"""One entry of a search space, `key: value` in Hydra's sweep grammar: parsed, and refused where it makes no sense."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep, Sweep
from hydra.errors import HydraException

KNOWN_TAGS = ("log",)
EXAMPLES = "range(1, 6), int(interval(1, 5)), interval(0.1, 1.0) or choice(a, b)"


class BadInput(ValueError):
    """What the user wrote can't be run. The message names the key, the rule, the value received and the remedy."""


def bad_input(key: str, value: object, rule: str, remedy: str) -> BadInput:
    """Phrase the message in the one form that all checks share."""
    return BadInput(f"{key}: {rule}, got {shown(value)}. {remedy}")


def shown(value: object) -> str:
    """Write a value as in YAML, on one line."""
    if value is None or value == "":
        return "null" if value is None else "an empty string"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return str(value)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return "Did you mean ...?" for the nearest known name, else the list of them."""
    names = sorted(known)
    near = get_close_matches(name.lower(), names, n=1)
    return f"Did you mean {near[0]}?" if near else f"Known: {', '.join(names) or 'none'}."


@dataclass(frozen=True)
class Dimension:
    """One swept key."""

    key: str  # as written, with the `+` of an appended key
    text: str  # the value as written
    override: Override

    @property
    def name(self) -> str:
        """The config key or config group, without `+` and `@package`."""
        return self.override.key_or_group

    @property
    def is_interval(self) -> bool:
        """Whether it is continuous, or a range of whole numbers written as an interval."""
        return self.override.is_interval_sweep()

    def options(self) -> list[str]:
        """Return every value as an override writes it; of an interval only the lowest."""
        value = self.override.value()
        return [str(value.start)] if isinstance(value, IntervalSweep) else list(self.override.sweep_string_iterator())

    def first(self) -> str:
        """Return the first value; of an interval the lowest."""
        return self.options()[0] if self.is_interval else next(self.override.sweep_string_iterator())


@dataclass(frozen=True)
class Space:
    """What a search varies, and what all of its jobs share."""

    dimensions: tuple[Dimension, ...]
    fixed: tuple[str, ...]  # overrides, as on the command line
    removed: tuple[str, ...] = ()  # keys of the space that the command line fixes


def parse_dimension(key: str, value: object) -> Dimension:
    """Parse `key: value` of a search space.

    Raises:
        BadInput: a mapping, a constant, no valid grammar, an unknown function or tag, bounds in the wrong order,
            an empty range, a logarithm of zero or less.
    """
    if isinstance(value, Mapping):
        raise _needs_async(key, value)
    if not isinstance(value, str) or not value.strip():
        raise _constant(key, value)
    try:
        override = OverridesParser.create().parse_override(f"{key}={value}")
    except HydraException as error:
        raise _unreadable(key, value, error) from error
    if not override.is_sweep_override():
        raise _constant(key, value)
    return checked(Dimension(key, value, override))


def is_constant(key: str, value: object) -> bool:
    """Whether `key: value` sets a value instead of sweeping it. What can't be parsed is left to `parse_dimension`."""
    if not isinstance(value, str):
        return not isinstance(value, Mapping)
    try:
        return not OverridesParser.create().parse_override(f"{key}={value}").is_sweep_override()
    except HydraException:
        return False


def checked(dimension: Dimension) -> Dimension:
    """Return the dimension if its bounds and tags make sense. Raises BadInput, see `parse_dimension`."""
    value = dimension.override.value()
    if isinstance(value, Sweep):
        _check_tags(dimension, value)
    if isinstance(value, RangeSweep):
        _check_range(dimension, value)
    elif isinstance(value, IntervalSweep):
        _check_interval(dimension, value)
    return dimension


def require_enumerable(dimension: Dimension, who: str, whole_numbers: bool) -> None:
    """Refuse what `who` can't list value by value; an interval of whole numbers passes with `whole_numbers`.

    Raises:
        BadInput: a continuous interval.
    """
    value = dimension.override.value()
    if not isinstance(value, IntervalSweep) or (whole_numbers and isinstance(value.start, int)):
        return
    rule = f"{who} tries every value and can't draw from an interval"
    remedy = "Write range(low, high, step), its end excluded, or choice(a, b), or choose hydra/sweeper=optuna."
    raise bad_input(dimension.key, dimension.text, rule, remedy)


def require_choices(dimension: Dimension) -> None:
    """Refuse `glob(...)`, which upstream's Optuna sweeper can't read. Raises BadInput."""
    value = dimension.override.value()
    if not isinstance(value, (ChoiceSweep, RangeSweep, IntervalSweep)):
        rule = "the Optuna sweeper can't read glob"
        raise bad_input(dimension.key, dimension.text, rule, "Name the options: choice(a, b).")


def hydra_grammar(spec: Mapping[str, object]) -> str | None:
    """Write the typed form `{type, low, high, step, log, choices}` in Hydra's grammar, where that is short."""
    choices, low, high, step = (spec.get(name) for name in ("choices", "low", "high", "step"))
    if isinstance(choices, list):
        return f"choice({', '.join(map(shown, choices))})"
    if not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
        return None
    whole = spec.get("type") == "int"
    if step in (None, 1) and (whole or step is None):
        return _interval_text(low, high, whole, bool(spec.get("log")))
    return f"range({low}, {int(high) + 1}, {step})" if whole else None


def _interval_text(low: float, high: float, whole: bool, log: bool) -> str:
    text = f"interval({low:g}, {high:g})"
    text = f"int({text})" if whole else text
    return f"tag(log, {text})" if log else text


def _needs_async(key: str, spec: Mapping[str, object]) -> BadInput:
    if not spec.keys() & {"type", "choices", "low", "high"}:
        remedy = f"Write the whole key on one line, like {key}.{next(iter(spec), 'name')}: {EXAMPLES}."
        return bad_input(key, spec, "an entry must be a sweep, not a mapping", remedy)
    equivalent = hydra_grammar(spec)
    remedy = f"Write {key}: {equivalent}" if equivalent else f"Write {EXAMPLES}"
    rule = "this form needs hydra/sweeper=optuna_async"
    return bad_input(key, spec, rule, f"{remedy}, which every sweeper reads.")


def _constant(key: str, value: object) -> BadInput:
    rule = "a search space needs a range or a choice, not a constant"
    remedy = f"Write {EXAMPLES}; to fix the value, take the key out of the space and set it in the config."
    return bad_input(key, value, rule, remedy)


def _unreadable(key: str, text: str, error: HydraException) -> BadInput:
    known = OverridesParser.create().functions.functions
    unknown = [name for name in re.findall(r"([A-Za-z_]\w*)\s*\(", text) if name not in known]
    if unknown:
        return bad_input(key, text, f"unknown function {unknown[0]}", suggestion(unknown[0], known))
    reason = str(error).splitlines()[0]
    return bad_input(key, text, "not in Hydra's sweep grammar", f"Write {EXAMPLES} ({reason}).")


def _check_tags(dimension: Dimension, value: Sweep) -> None:
    for tag in sorted(value.tags - set(KNOWN_TAGS)):
        raise bad_input(dimension.key, dimension.text, f"unknown tag {tag}", suggestion(tag, KNOWN_TAGS))
    if value.tags and not isinstance(value, IntervalSweep):
        remedy = "Write tag(log, interval(low, high)) or tag(log, int(interval(low, high)))."
        raise bad_input(dimension.key, dimension.text, "only an interval can be tagged log", remedy)


def _check_range(dimension: Dimension, value: RangeSweep) -> None:
    start, stop, step = (float(number or 0) for number in (value.start, value.stop, value.step))
    _require_finite(dimension, start, stop, step)
    if step == 0:
        raise bad_input(dimension.key, dimension.text, "the step must not be 0", "Write range(low, high, 1).")
    if (stop - start) * step > 0:
        return
    remedy = f"Write range({stop:g}, {start:g})." if stop < start else f"Write range({start:g}, {start + abs(step):g})."
    rule = "the range is empty: low must be below high, and high itself is excluded"
    raise bad_input(dimension.key, dimension.text, rule, remedy)


def _check_interval(dimension: Dimension, value: IntervalSweep) -> None:
    low, high = float(value.start or 0), float(value.end or 0)
    _require_finite(dimension, low, high)
    log, whole = "log" in value.tags, isinstance(value.start, int)
    if low > high:
        remedy = f"Write {_interval_text(high, low, whole, log)}."
        raise bad_input(dimension.key, dimension.text, "low must not be above high", remedy)
    if log and low <= 0:
        remedy = (
            f"Write {_interval_text(1 if whole else min(1e-4, high / 10), high, whole, log)}, or leave the tag out."
        )
        raise bad_input(dimension.key, dimension.text, "a log interval needs a low above 0", remedy)


def _require_finite(dimension: Dimension, *bounds: float) -> None:
    if not all(math.isfinite(bound) for bound in bounds):
        remedy = "Write a lowest and a highest value."
        raise bad_input(dimension.key, dimension.text, "the bounds must be finite numbers", remedy)
