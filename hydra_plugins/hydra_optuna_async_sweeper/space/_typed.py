"""The typed form of an entry, as hydra-optuna-sweeper 1.1 had it: `{type, low, high, step, log, choices}`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from optuna.distributions import FloatDistribution, IntDistribution

from hydra_plugins.hydra_search.errors import BadInput, bad_input, suggestion
from hydra_plugins.hydra_search.grammar import as_written

from ._parameter import Domain, categorical

TYPES = ("int", "float", "categorical")
FIELDS = ("type", "low", "high", "step", "log", "choices")
NUMERIC_FIELDS = ("low", "high", "step", "log")


@dataclass(frozen=True)
class Bounds:
    """A numeric entry whose fields have been read one by one."""

    key: str
    spec: Mapping[str, object]
    whole: bool
    low: float
    high: float
    step: float | None
    log: bool

    def error(self, rule: str, remedy: str) -> BadInput:
        """Phrase what is wrong with the fields together."""
        return bad_input(self.key, self.spec, rule, remedy)


def typed_domain(key: str, spec: Mapping[str, object]) -> Domain:
    """Read the typed form, both ends included. A step that does not meet `high` ends below it.

    Without `type`, choices make a categorical, whole bounds an int, other bounds a float. A choice that is a string is
    read as on the command line: `"null"` is null, `"[50]"` a list.

    Raises:
        BadInput: an unknown field or type, a missing one, or one that does not fit the others.
    """
    given = checked_fields(key, spec)
    if given.get("type") == "categorical" or "choices" in given:
        return _choices(key, spec, given.get("choices"))
    return _numbers(_checked_bounds(_bounds(key, spec, given)))


def checked_fields(key: str, spec: Mapping[str, object]) -> dict[str, object]:
    """Return the fields that are not null, if they exist and go together. Raises BadInput."""
    if not set(spec) & set(FIELDS):
        name = next(iter(spec), "name")
        remedy = (
            f"Write the whole key on one line, like {key}.{name}: range(1, 6), or give the fields type, low and high."
        )
        raise bad_input(key, spec, "an entry must be a sweep, a typed form or a choice with branches", remedy)
    for field in spec:
        if field not in FIELDS:
            raise bad_input(key, spec, f"unknown field {field}", suggestion(str(field), FIELDS))
    given = {field: value for field, value in spec.items() if value is not None}
    kind = given.get("type")
    if kind is not None and kind not in TYPES:
        raise bad_input(key, kind, "unknown type", suggestion(str(kind), TYPES))
    is_choice = kind == "categorical" or (kind is None and "choices" in given)
    for field in NUMERIC_FIELDS if is_choice else ("choices",):
        if field in given and given[field] is not False:
            of = "a choice" if is_choice else f"type {kind or 'int or float'}"
            raise bad_input(key, spec, f"{of} has no {field}", f"Leave {field} out, or choose another type.")
    return given


def options_of(entry: object) -> Mapping[object, object] | None:
    """Return the sub-spaces of a branching choice by option, None for any other entry."""
    choices = entry.get("choices") if isinstance(entry, Mapping) else None
    return choices if isinstance(choices, Mapping) else None


def choice_of(key: str, options: Mapping[object, object]) -> Domain:
    """Return the choice between the options of a branching key. Raises BadInput, see `categorical`."""
    return categorical(key, list(options), map(as_written, options))


def _choices(key: str, spec: Mapping[str, object], choices: object) -> Domain:
    if not isinstance(choices, list) or not choices:
        rule = "choices must not be empty" if choices in ([], None) else "choices must be a list or a mapping"
        raise bad_input(key, spec, rule, "Write choices: [a, b], or choices: {a: {...}, b: {...}}.")
    return categorical(key, spec, map(as_written, choices))


def _bounds(key: str, spec: Mapping[str, object], given: Mapping[str, object]) -> Bounds:
    for field in ("low", "high"):
        if field not in given:
            raise bad_input(key, spec, f"{field} is missing", "Give both low and high, or choices: [a, b].")
    log = given.get("log", False)
    if not isinstance(log, bool):
        raise bad_input(f"{key}.log", log, "must be true or false", "Write log: true.")
    numbers = {field: _number(f"{key}.{field}", given[field]) for field in ("low", "high", "step") if field in given}
    whole = given.get("type") == "int" or ("type" not in given and all(isinstance(n, int) for n in numbers.values()))
    if whole:
        numbers = {field: _whole(f"{key}.{field}", number) for field, number in numbers.items()}
    return Bounds(key, spec, whole, numbers["low"], numbers["high"], numbers.get("step"), log)


def _checked_bounds(bounds: Bounds) -> Bounds:
    low, high = bounds.low, bounds.high
    if low > high:
        raise bounds.error("low must not be above high", f"Write low: {high}, high: {low}.")
    if bounds.step is not None and bounds.step <= 0:
        raise bounds.error("the step must be above 0", "Write step: 1 or another positive number, or leave step out.")
    if bounds.log and bounds.step is not None:
        raise bounds.error("log can't have a step", "Leave out log or step.")
    if bounds.log and low <= 0:
        above = 1 if bounds.whole or high <= 0 else min(1e-4, high / 10)
        remedy = f"Write low: {above:g} or another number above 0, or leave log out."
        raise bounds.error("a log range needs a low above 0", remedy)
    return bounds


def _numbers(bounds: Bounds) -> Domain:
    low, high, step = bounds.low, bounds.high, bounds.step
    if step is not None:
        start, width = Decimal(str(low)), Decimal(str(step))
        high = float(start + (Decimal(str(high)) - start) // width * width)
    if bounds.whole:
        return Domain(bounds.spec, IntDistribution(int(low), int(high), log=bounds.log, step=int(step or 1)))
    return Domain(bounds.spec, FloatDistribution(low, high, log=bounds.log, step=step))


def _number(name: str, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise bad_input(name, value, "must be a finite number", "Write a number, like 1 or 0.1, without quotes.")
    return value


def _whole(name: str, value: float) -> int:
    if value != int(value):
        raise bad_input(name, value, "type int needs whole numbers", f"Write {round(value)}, or type: float.")
    return int(value)
