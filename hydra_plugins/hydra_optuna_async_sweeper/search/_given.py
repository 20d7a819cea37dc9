"""The points that are given: the user's own and those of a grid; which of them the study does not have yet."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search.trials import FIXED

if TYPE_CHECKING:
    from ..space._grid import ShuffledGrid


class Given:
    """What is to be enqueued. A look costs what has been enqueued since the last one."""

    def __init__(self, own: Sequence[Mapping[str, object]], grid: "ShuffledGrid | None") -> None:
        self._own, self.grid = own, grid
        self._texts: set[str] = set()  # of the points in the study's first `_looked_at` trials
        self._looked_at = 0
        self._place = 0  # all points of the grid before this one are in the study

    def look(self, trials: Sequence[FrozenTrial]) -> None:
        """Take note of what is enqueued. `trials` are all of the study, each always in the same place."""
        if self._own or self.grid:
            new = (trials[place].system_attrs for place in range(self._looked_at, len(trials)))
            self._texts.update(text_of(attributes[FIXED]) for attributes in new if FIXED in attributes)
            self._looked_at = len(trials)

    def own(self) -> list[Mapping[str, object]]:
        """Return the user's points that are not in the study."""
        return [point for point in self._own if text_of(point) not in self._texts]

    def following(self, count: int) -> list[Mapping[str, object] | None]:
        """Return what the next trials begin with: points of the grid; None, and so nothing, after its last."""
        points = [point for point, _ in zip(self._of_grid(), range(count), strict=False)]
        return [*points, *[None] * (count - len(points))]

    def _of_grid(self) -> Iterator[Mapping[str, object]]:
        if self.grid is None:
            return
        own = set(map(text_of, self._own))
        size, place = self.grid.grid.size, self._place
        while place < size:
            point = self.grid.point(place)
            text = text_of(point)
            if text not in self._texts and text not in own:
                yield point
            elif place == self._place:
                self._place += 1
            place += 1


def text_of(point: Mapping[str, object]) -> str:
    """Write a point, so that two equal ones are written alike."""
    return json.dumps(point, sort_keys=True)
