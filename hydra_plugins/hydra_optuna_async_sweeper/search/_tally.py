"""What queue, stop rules and progress ask of a study's trials: those that have ended are counted once."""

import math
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search.errors import without_numbers
from hydra_plugins.hydra_search.owner import Owner, is_ours, owner_of, sweeper_of
from hydra_plugins.hydra_search.trials import (
    EXHAUSTED,
    MAXIMIZE,
    REPEATS,
    RETRY_OF,
    UNDEFINED,
    Outcome,
    finished,
    is_confirmation,
    is_feasible,
    outcome_of,
    over,
    reason_of,
)

from ._ended import Ended

if TYPE_CHECKING:
    from ._spec import Search


class Tally:
    """A study as it was at the last look. In a study of thousands a look costs what has changed.

    Args:
        search: whose budget, target and sweep it is.
        trials: for a first look.
    """

    def __init__(self, search: "Search", trials: Sequence[FrozenTrial] = ()) -> None:
        self.search = search
        self.trials: Sequence[FrozenTrial] = ()
        self.open: list[FrozenTrial] = []  # that wait or run, confirming ones too
        # Of the search itself, by number; and of these, those that count for the budget
        self.ended: list[FrozenTrial] = []
        self.over: list[FrozenTrial] = []
        self.count: Counter[Outcome] = Counter()
        self.faults = 0  # failed trials but for those whose result is nan or infinite
        self.confirmed = 0  # confirming trials that have ended
        self.lost: list[FrozenTrial] = []  # and are to be run again, if that is not done yet
        self.retried: set[int] = set()
        self.is_reached = self.is_exhausted = False  # the target; the sampler, for this sweep
        self.repeated_here = 0  # by this sweep
        # The trials of this sweep that count, and while all of them have failed, their reasons
        self.over_here = 0
        self.reasons: set[str] | None = set()
        self._owned: set[int] = set()
        self.stagnation = Stagnation(search)
        self._last_of: dict[Owner, FrozenTrial] = {}  # the last trial of each worker of this sweep
        self._ended = Ended()
        self.look(trials)

    def look(self, trials: Sequence[FrozenTrial]) -> "Tally":
        """Take note of what has changed. `trials` are all of the study, each always in the same place."""
        new, still_open = self._ended.look(trials)
        self.trials, self.open = trials, [trials[place] for place in still_open]
        for place in new:
            self._add(trials[place])
        return self

    def is_ours(self, trial: FrozenTrial) -> bool:
        """Tell whether a running trial is one of a sweep's, see `hydra_search.owner`. One with an owner stays so."""
        if trial.number in self._owned:
            return True
        if owner_of(trial) is None:
            return is_ours(trial)
        self._owned.add(trial.number)
        return True

    @property
    def places(self) -> int:
        """How many places of the budget are taken by what has ended."""
        return len(self.ended) - self.count[Outcome.LOST] - self.count[Outcome.REPEATED]

    def last_of_workers(self) -> dict[Owner, FrozenTrial]:
        """Return the workers of this sweep that have ever taken a trial, each with the last one."""
        return self._last_of | _by_worker(self.open, self.search.sweeper)

    def _add(self, trial: FrozenTrial) -> None:
        is_here = sweeper_of(trial) == self.search.sweeper
        for worker, last in _by_worker([trial], self.search.sweeper).items():
            if worker not in self._last_of or self._last_of[worker].number <= last.number:
                self._last_of[worker] = last
        self.retried.add(trial.user_attrs.get(RETRY_OF, -1))
        if is_confirmation(trial):
            self.confirmed += trial.state.name in ("COMPLETE", "PRUNED")
            return
        insort(self.ended, trial, key=_number)
        outcome = outcome_of(trial, self.search.max_retries)
        self.count[outcome] += 1
        self.faults += outcome is Outcome.FAILED and UNDEFINED not in trial.user_attrs
        if outcome is Outcome.LOST:
            self.lost.append(trial)
        self.repeated_here += is_here and REPEATS in trial.user_attrs
        self.is_reached = self.is_reached or any(reaches(one, self.search) for one in finished([trial]))
        self.is_exhausted = self.is_exhausted or (trial.user_attrs.get(EXHAUSTED) == self.search.sweeper.as_attribute())
        if over([trial], self.search.max_retries):
            insort(self.over, trial, key=_number)
            self.stagnation.add(trial)
            if is_here:
                self._add_here(trial, outcome)

    def _add_here(self, trial: FrozenTrial, outcome: Outcome) -> None:
        self.over_here += 1
        if outcome is not Outcome.FAILED:
            self.reasons = None
        elif self.reasons is not None:
            self.reasons.add(without_numbers(reason_of(trial)))


def failures(trials: Iterable[FrozenTrial], max_retries: int, *, undefined: bool) -> list[FrozenTrial]:
    """Return the trials that have failed; those whose result is nan or infinite only where `undefined` says so."""
    failed = [trial for trial in trials if not is_confirmation(trial)]
    failed = [trial for trial in failed if outcome_of(trial, max_retries) is Outcome.FAILED]
    return [trial for trial in failed if undefined or UNDEFINED not in trial.user_attrs]


def _number(trial: FrozenTrial) -> int:
    return trial.number


def _by_worker(trials: Iterable[FrozenTrial], sweeper: Owner) -> dict[Owner, FrozenTrial]:
    owners = [(owner_of(trial), trial) for trial in trials if sweeper_of(trial) == sweeper]
    return {owner: trial for owner, trial in owners if owner is not None}


def reaches(trial: FrozenTrial, search: "Search") -> bool:
    """Tell whether a finished trial is as good as the target asks, within the constraints."""
    if search.target is None or trial.value is None or not is_feasible(trial):
        return False
    return trial.value >= search.target if search.directions[0] == MAXIMIZE else trial.value <= search.target


class Stagnation:
    """How many trials have ended, finished or pruned, since one has bettered the best enough.

    In the order in which they ended, whenever they are heard of. Only a trial that keeps the constraints betters
    anything. Nothing is counted where no stop rule asks.
    """

    def __init__(self, search: "Search") -> None:
        self._sign = 1.0 if search.directions[0] == MAXIMIZE else -1.0
        self._least, self._is_asked_for = search.min_improvement, search.max_stagnation_trials is not None
        self._ended: list[FrozenTrial] = []
        self._after: list[tuple[float, int]] = []  # the best value, its sign turned, and the count, after each of them

    @property
    def count(self) -> int:
        """How many they are now."""
        return self._after[-1][1] if self._after else 0

    def add(self, trial: FrozenTrial) -> None:
        """Count a trial that has ended."""
        if not self._is_asked_for or trial.datetime_complete is None or trial.state is TrialState.FAIL:
            return
        place = bisect_right(self._ended, _moment(trial), key=_moment)
        self._ended.insert(place, trial)
        del self._after[place:]
        for later in self._ended[place:]:
            self._after.append(self._next(later))

    def _next(self, trial: FrozenTrial) -> tuple[float, int]:
        best, since = self._after[-1] if self._after else (-math.inf, 0)
        if trial.state is not TrialState.COMPLETE or trial.value is None or not is_feasible(trial):
            return best, since + 1
        value = self._sign * trial.value
        return max(best, value), 0 if value > best + self._least else since + 1


def _moment(trial: FrozenTrial) -> tuple[datetime | None, int]:
    return trial.datetime_complete, trial.number
