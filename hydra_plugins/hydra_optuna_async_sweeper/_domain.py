"""What one parameter may be: an Optuna distribution, and how its values are written in an override."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Quote, QuotedString, RangeSweep
from hydra.errors import HydraException
from hydra_plugins.hydra_optuna_sweeper._impl import create_optuna_distribution_from_override
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from ._search_space import bad_input, parse_dimension, require_choices

Stored = str | int | float | bool | None  # what Optuna can store


@dataclass(frozen=True)
class Choice:
    """One option of a categorical parameter."""

    stored: Stored  # a number, a bool or None as it is; a string, list or mapping as its override text
    text: str  # what stands after `key=` in an override
    value: object  # what the job's config holds then


@dataclass(frozen=True)
class Domain:
    """The values of one parameter."""

    written: object  # as in the YAML file
    distribution: BaseDistribution
    choices: tuple[Choice, ...] = ()

    def find(self, value: object) -> Stored:
        """Return what Optuna stores for a config value; a string may also be the value's override text.

        Raises:
            LookupError: not one of the domain's values.
        """
        if self.choices:
            found = [choice for choice in self.choices if _equal(choice.value, value)]
            found = found or [choice for choice in self.choices if isinstance(value, str) and choice.text == value]
            if not found:
                raise LookupError(value)
            return found[0].stored
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not self._contains(value):
            raise LookupError(value)
        return int(value) if isinstance(self.distribution, IntDistribution) else float(value)

    def first(self) -> Stored:
        """Return the first choice, or the lowest number."""
        if isinstance(self.distribution, (IntDistribution, FloatDistribution)):
            return self.distribution.low
        return self.choices[0].stored

    def values(self) -> list[Stored] | None:
        """Return every value in order, or None if they are not countable."""
        numbers = self.distribution
        if isinstance(numbers, IntDistribution):
            return list(range(numbers.low, numbers.high + 1, numbers.step))
        if isinstance(numbers, FloatDistribution):
            return None if numbers.step is None else _steps(numbers.low, numbers.high, numbers.step)
        return [choice.stored for choice in self.choices]

    def _contains(self, value: float) -> bool:
        whole = isinstance(self.distribution, IntDistribution)
        return self.distribution._contains(float(value)) and (not whole or float(value).is_integer())


def grammar_domain(key: str, value: object) -> Domain:
    """Read `key: value` in Hydra's sweep grammar, with upstream's meaning.

    A shuffled sweep keeps its order: every worker, and a resumed search, must make the same distribution of it.

    Raises:
        BadInput: see `parse_dimension`; `glob` has no values without a config group.
    """
    dimension = parse_dimension(key, value)
    require_choices(dimension)
    sweep = dimension.override.value()
    if isinstance(sweep, ChoiceSweep):
        return categorical(key, value, sweep.list)
    if isinstance(sweep, RangeSweep) and (sweep.shuffle or sweep.transformers):
        return categorical(key, value, sweep)
    distribution: BaseDistribution = create_optuna_distribution_from_override(dimension.override)
    if isinstance(distribution, CategoricalDistribution):
        return categorical(key, value, distribution.choices)
    return Domain(value, distribution)


def categorical(key: str, written: object, elements: Iterable[object]) -> Domain:
    """Make a choice of the elements, each once.

    Raises:
        BadInput: an element can't be written in an override.
    """
    choices: dict[str, Choice] = {}
    for element in elements:
        try:
            text = override_text(element)
            value = override_value(text)
        except (TypeError, HydraException):
            rule, remedy = "can't be a choice", "Choose from strings, numbers, true, false, null, lists and mappings."
            raise bad_input(key, element, rule, remedy) from None
        stored = _storable(element, text, choices.values())
        choices.setdefault(override_text(value), Choice(stored, text, value))
    options = tuple(choices.values())
    return Domain(written, CategoricalDistribution([option.stored for option in options]), options)


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


def stored_text(stored: object) -> str:
    """Write what Optuna stores into an override; strings are override texts already."""
    return stored if isinstance(stored, str) else override_text(stored)


def override_value(text: str) -> object:
    """Return the value that Hydra reads from an override's text. Raises HydraException."""
    value: object = _parser().parse_override(f"key={text}").value()
    return value


def as_written(value: object) -> object:
    """Read a string as the command line would (`"[50]"` is a list); what it can't read, and other values, stay."""
    if not isinstance(value, str):
        return value
    try:
        override = _parser().parse_override(f"key={value}")
    except HydraException:
        return value
    element: object = override.value()
    return value if override.is_sweep_override() else element


def _storable(element: object, text: str, others: Iterable[Choice]) -> Stored:
    """Keep numbers, bools and None, except one that equals another choice, as 1, 1.0 and true do."""
    if element is None or isinstance(element, (int, float)):
        return text if element in [other.stored for other in others] else element
    return text


def _steps(low: float, high: float, step: float) -> list[Stored]:
    start, width = Decimal(str(low)), Decimal(str(step))
    count = round((Decimal(str(high)) - start) / width)
    return [float(start + number * width) for number in range(count + 1)]


def _equal(one: object, other: object) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _reads_back(text: str) -> bool:
    try:
        return override_value(text) == text and override_value(f"[{text}]") == [text]
    except HydraException:
        return False


@cache
def _parser() -> OverridesParser:
    return OverridesParser.create()
