"""What one parameter may be: an Optuna distribution, and how its values stand in an override."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, ulp

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, RangeSweep
from hydra.errors import HydraException
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from hydra_plugins.hydra_search.errors import bad_input
from hydra_plugins.hydra_search.grammar import override_text, override_value, parse_entry, require_choices

Stored = str | int | float | bool | None  # what Optuna can store
Numbers = IntDistribution | FloatDistribution


@dataclass(frozen=True)
class Choice:
    """One option of a categorical parameter."""

    stored: Stored  # a number, a bool or None as it is; a string, list or mapping as its override text
    text: str  # what stands after `key=` in an override
    value: object  # what the job's config holds then


@dataclass(frozen=True)
class Domain:
    """The values of one parameter."""

    entry: object  # as in the YAML file
    distribution: Numbers | CategoricalDistribution
    choices: tuple[Choice, ...] = ()  # of a categorical distribution only

    def suggest(self, trial: Trial, name: str) -> Stored:
        """Let the trial's sampler choose a value."""
        numbers = self.distribution
        if isinstance(numbers, CategoricalDistribution):
            return trial.suggest_categorical(name, numbers.choices)
        if isinstance(numbers, IntDistribution):
            return trial.suggest_int(name, numbers.low, numbers.high, step=numbers.step, log=numbers.log)
        return trial.suggest_float(name, numbers.low, numbers.high, step=numbers.step, log=numbers.log)

    def find(self, value: object) -> Stored:
        """Return what Optuna stores for a config value; a string may also be the value's override text.

        Raises:
            LookupError: not one of the domain's values.
        """
        if isinstance(self.distribution, CategoricalDistribution):
            found = [choice for choice in self.choices if _equal(choice.value, value)]
            found = found or [choice for choice in self.choices if isinstance(value, str) and choice.text == value]
            if not found:
                raise LookupError(value)
            return found[0].stored
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not _contains(self.distribution, value):
            raise LookupError(value)
        return int(value) if isinstance(self.distribution, IntDistribution) else float(value)

    def first(self) -> Stored:
        """Return the first choice, or the lowest number."""
        numbers = self.distribution
        return self.choices[0].stored if isinstance(numbers, CategoricalDistribution) else numbers.low

    def values(self) -> list[Stored] | None:
        """Return every value in order, or None if they are not countable."""
        numbers = self.distribution
        if isinstance(numbers, CategoricalDistribution):
            return [choice.stored for choice in self.choices]
        if isinstance(numbers, IntDistribution):
            return list(range(numbers.low, numbers.high + 1, numbers.step))
        return None if numbers.step is None else _steps(numbers.low, numbers.high, numbers.step)


def grammar_domain(key: str, text: object) -> Domain:
    """Read `key: text` in Hydra's sweep grammar, with the meaning that hydra-optuna-sweeper gives it.

    A shuffled sweep keeps its order: every worker, and a resumed search, must make the same distribution of it.

    Raises:
        BadInput: see `parse_entry`; `glob` has no values without a config group.
    """
    entry = parse_entry(key, text)
    sweep = require_choices(entry)
    if isinstance(sweep, IntervalSweep):
        return Domain(text, _interval_distribution(sweep))
    if isinstance(sweep, ChoiceSweep):
        return categorical(key, text, sweep.list)
    transformers = getattr(sweep, "transformers", ())  # Hydra 1.3 has none
    numbers = _range_of(sweep)
    distribution = None if sweep.shuffle or transformers else _range_distribution(numbers)
    if distribution:
        return Domain(text, distribution)
    return categorical(key, text, sweep if transformers else map(_plain, numbers))


def categorical(key: str, entry: object, elements: Iterable[object]) -> Domain:
    """Make a choice of the elements, each once.

    Raises:
        BadInput: an element can't stand in an override.
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
    return Domain(entry, CategoricalDistribution([option.stored for option in options]), options)


def stored_text(stored: object) -> str:
    """Return the override text of what Optuna stores; strings are override texts already."""
    return stored if isinstance(stored, str) else override_text(stored)


def _interval_distribution(sweep: IntervalSweep) -> Numbers:
    low, high, log = sweep.start, sweep.end, "log" in sweep.tags
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(float(low or 0), float(high or 0), log=log)


@dataclass(frozen=True)
class Decimals:
    """Decimals at one distance; very many take no more room than few."""

    start: Decimal
    step: Decimal
    count: int

    @property
    def last(self) -> Decimal:
        """The one before the stop."""
        return self.start + (self.count - 1) * self.step

    def __iter__(self) -> Iterator[Decimal]:
        return (self.start + place * self.step for place in range(self.count))


def _range_of(sweep: RangeSweep) -> range | Decimals:
    """Return the numbers of a range, decimals if one of its ends or its step is no whole number; the stop is left out.

    Hydra 1.3 counts with binary fractions, and 0.1 three times is more than 0.3 then.
    """
    start, stop, step = (sweep.start or 0, sweep.stop or 0, sweep.step)
    if all(isinstance(number, int) for number in (start, stop, step)):
        return range(int(start), int(stop), int(step))
    least, end, width = (Decimal(str(number)) for number in (start, stop, step))
    count = ceil((Fraction(end) - Fraction(least)) / Fraction(width))
    return Decimals(least, width, count)


def _plain(number: int | Decimal) -> int | float:
    return number if isinstance(number, int) else float(number)


def _range_distribution(numbers: range | Decimals) -> Numbers | None:
    """Return the numbers from low to high, both included as in Optuna, while Hydra's range leaves its stop out.

    None where floats can't hold these decimals, or can't tell a number from the next.
    """
    if isinstance(numbers, range):
        low, high = sorted((numbers[0], numbers[-1]))
        return IntDistribution(low, high, step=abs(numbers.step))
    decimals = (*sorted((numbers.start, numbers.last)), abs(numbers.step))
    least, most, width = map(float, decimals)
    exact = all(Decimal(str(float(number))) == number for number in decimals)
    if not exact or (least != most and width < max(ulp(least), ulp(most))):
        return None
    return FloatDistribution(least, most, step=width)


def _storable(element: object, text: str, others: Iterable[Choice]) -> Stored:
    """Keep numbers, bools and None, except one that equals another choice, as 1, 1.0 and true do."""
    if element is None or isinstance(element, (int, float)):
        return text if element in [other.stored for other in others] else element
    return text


def _contains(numbers: Numbers, value: float) -> bool:
    """Whether Optuna would suggest this value, by its own tolerance for a step of decimals."""
    if not numbers.low <= value <= numbers.high:
        return False
    if isinstance(numbers, IntDistribution):
        return (value - numbers.low) % numbers.step == 0
    steps = 0.0 if numbers.step is None else (value - numbers.low) / numbers.step
    return abs(steps - round(steps)) < 1e-8


def _steps(low: float, high: float, step: float) -> list[Stored]:
    start, width = Decimal(str(low)), Decimal(str(step))
    count = round((Decimal(str(high)) - start) / width)
    return [float(start + number * width) for number in range(count + 1)]


def _equal(one: object, other: object) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other
