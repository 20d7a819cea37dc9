"""Which trials of a growing study have ended since the last look, and which are open: a look costs what has changed."""

from collections.abc import Sequence

from optuna.trial import FrozenTrial


class Ended:
    """Takes each trial that has ended once. A trial is named by its place in the study's trials, always the same."""

    def __init__(self) -> None:
        self._from = 0  # all trials before this place have ended, and were taken
        self._taken: set[int] = set()  # and those in these places

    def look(self, trials: Sequence[FrozenTrial]) -> tuple[list[int], list[int]]:
        """Return the places of the trials that have ended since the last look, and of those that wait or run."""
        new: list[int] = []
        still_open: list[int] = []
        for place in range(self._from, len(trials)):
            if not trials[place].state.is_finished():
                still_open.append(place)
            elif place not in self._taken:
                new.append(place)
        self._taken.update(new)
        while self._from in self._taken:
            self._taken.remove(self._from)
            self._from += 1
        return new, still_open
