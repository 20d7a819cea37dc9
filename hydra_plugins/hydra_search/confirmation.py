"""What repeated runs of a trial say of it: how good it is on average, how much that varies, whether it is the first.

The best of many noisy values flatters its trial (the winner's curse). So the best trials are run again under other
seeds, or under other values of any key, and compared by those runs alone, pair by pair.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

_Item = TypeVar("_Item")

LEAST = 0.001  # that is shown
LEVEL = 0.05  # the probability of chance below which a first place is clear


def difference(one: float, other: float) -> float:
    """Return by how much one is larger; 0 where only rounding, as in a mean over folds, tells them apart."""
    return 0.0 if math.isclose(one, other) else one - other


@dataclass(frozen=True)
class Confirmed:
    """The finished runs that confirm one trial."""

    values: Mapping[str, float]  # by the override under which each was run

    @property
    def mean(self) -> float:
        """Their mean."""
        return statistics.fmean(self.values.values())

    @property
    def std(self) -> float:
        """Their standard deviation, of the sample: 0 for a single one, and for equal ones."""
        numbers = list(self.values.values())
        return statistics.stdev(numbers) if any(difference(number, numbers[0]) for number in numbers) else 0.0


def confirmed(runs: Iterable[tuple[int, str, float]]) -> dict[int, Confirmed]:
    """Return what finished runs say of each trial. One of which some run is missing is not confirmed.

    Args:
        runs: the number of the trial that it confirms, the override under which it was run, and its value; in the order
            in which they came: those that have set another key than the last one are of an earlier kind.
    """
    of_all = list(runs)
    key = of_all[-1][1].partition("=")[0] if of_all else ""
    found: dict[int, dict[str, float]] = {}
    for number, override, value in of_all:
        if override.partition("=")[0] == key:
            found.setdefault(number, {})[override] = value
    most = max(map(len, found.values()), default=0)
    return {number: Confirmed(values) for number, values in found.items() if len(values) == most}


def confirmed_first(
    ranked: Sequence[_Item], number_of: Callable[[_Item], int | None], found: Mapping[int, Confirmed], *, maximize: bool
) -> list[_Item]:
    """Return the items, those that are confirmed first, by their means; the others, and equals, as they are ranked."""
    sign = -1.0 if maximize else 1.0
    means = {number: sign * of.mean for number, of in found.items()}

    def place(item: _Item) -> tuple[bool, float]:
        mean = means.get(number) if (number := number_of(item)) is not None else None
        return (mean is None, mean or 0.0)

    return sorted(ranked, key=place)


def first_place(ranked: Sequence[tuple[int, Confirmed]]) -> str:
    """Say in a sentence whether the first is better than each of the others; nothing where there is no other.

    A paired t-test against each, its probability times the number of them (Bonferroni).

    Args:
        ranked: numbers of the trials with their runs, best mean first.
    """
    if len(ranked) < 2:
        return ""
    (first, best), *others = ranked
    if len(best.values) < 2:
        return f"One run each does not tell whether the first place of trial {first} is clear."
    chances = {number: min(1.0, len(others) * _chance(best, other)) for number, other in others}
    rival = max(chances, key=lambda number: chances[number])
    chance = f"p = {chances[rival]:.2g}" if chances[rival] >= LEAST else f"p < {LEAST}"
    test = f"{chance}, paired t-tests over {len(best.values)} runs each"
    if chances[rival] < LEVEL:
        return f"The first place of trial {first} is clear ({test})."
    return f"The first place of trial {first} is not clear: trial {rival} may be as good ({test})."


def _chance(one: Confirmed, other: Confirmed) -> float:
    """Return how probable such a difference is by chance alone; 1 where there is none, or nothing to compare."""
    from scipy.stats import ttest_1samp

    shared = one.values.keys() & other.values
    differences = [difference(one.values[override], other.values[override]) for override in shared]
    if len(set(differences)) < 2:  # of no variance: always the same difference, or too few
        return 0.0 if any(differences) and len(differences) > 1 else 1.0
    return float(ttest_1samp(differences, 0.0).pvalue)
