"""Every point of a discrete space, by its number: one is made when it is asked for, of however many there are."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.errors import bad_input

if TYPE_CHECKING:
    from ._parameter import Stored
    from ._tree import Parameter, Space

ROUNDS = 4  # of a Feistel network: with fewer, neighbours stay together


@dataclass(frozen=True)
class Grid:
    """Each combination of the values of a space once, the last parameter's changing first."""

    axes: "tuple[Axis, ...]" = ()

    @classmethod
    def of(cls, space: "Space") -> "Grid":
        """Make the grid. Raises BadInput if a parameter is continuous."""
        return cls(tuple(map(Axis.of, space.parameters)))

    @cached_property
    def size(self) -> int:
        """How many points there are."""
        return prod(axis.size for axis in self.axes)

    def point(self, number: int) -> "dict[str, Stored]":
        """Return the Optuna parameters of point `number`, from 0 to size - 1."""
        parts: list[dict[str, Stored]] = []
        for axis in reversed(self.axes):
            number, within = divmod(number, axis.size)
            parts.append(axis.part(within))
        return {name: value for part in reversed(parts) for name, value in part.items()}

    def has(self, point: Mapping[str, object]) -> bool:
        """Tell whether these are the parameters of a point."""
        left = dict(point)
        return self.take(left) and not left

    def take(self, left: dict[str, object]) -> bool:
        """Take out of `left` what a point has; False if something is missing."""
        return all(axis.take(left) for axis in self.axes)


@dataclass(frozen=True)
class Axis:
    """The values of one parameter, each with the grid of its branch."""

    name: str
    values: "Sequence[Stored]"
    branches: Sequence[Grid]

    @classmethod
    def of(cls, parameter: "Parameter") -> "Axis":
        """Make the axis. Raises BadInput if the parameter is continuous, or one below it."""
        values = parameter.domain.values()
        if values is None:
            typed = isinstance(parameter.domain.entry, Mapping)
            rule = "the grid sampler tries every value and can't draw from an interval"
            remedy = "Add a step" if typed else "Write range(low, high, step), its end excluded, or choice(a, b)"
            remedy = f"{remedy}, or choose another hydra/sweeper/sampler."
            raise bad_input(parameter.key, parameter.domain.entry, rule, remedy)
        return cls(parameter.name, values, [Grid.of(parameter.branch(value)) for value in values])

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(branch.size for branch in self.branches))

    @property
    def size(self) -> int:
        """How many values there are, each as often as its branch has points."""
        return self._ends[-1]

    def part(self, number: int) -> "dict[str, Stored]":
        """Return one value with a point of its branch."""
        place = bisect_right(self._ends, number)
        before = self._ends[place - 1] if place else 0
        return {self.name: self.values[place], **self.branches[place].point(number - before)}

    def take(self, left: dict[str, object]) -> bool:
        """Take out of `left` a value and what its branch adds; False if it is not here."""
        value = left.pop(self.name, left)
        return value in self.values and self.branches[self.values.index(value)].take(left)


@dataclass(frozen=True)
class ShuffledGrid:
    """A grid in an order that the seed decides."""

    grid: Grid
    seed: int

    def point(self, number: int) -> "dict[str, Stored]":
        """Return the Optuna parameters of the point that is tried after `number` others."""
        return self.grid.point(shuffled(number, self.grid.size, self.seed))


def shuffled(place: int, size: int, seed: int) -> int:
    """Return where a place, from 0 to size - 1, goes: each to another, and no list is kept of them.

    A Feistel network over the next larger power of four, gone through again where it leads out of the range
    (Black and Rogaway 2002, Ciphers with arbitrary finite domains).
    """
    bits = ((size - 1).bit_length() + 1) // 2
    mask = (1 << bits) - 1
    while True:
        left, right = place >> bits, place & mask
        for number in range(ROUNDS):
            hashed = blake2b(f"{seed}/{number}/{right}".encode()).digest()
            left, right = right, left ^ (int.from_bytes(hashed) & mask)
        place = left << bits | right
        if place < size:
            return place
