"""The course of a search as a curve: its best value after so many trials, and after so much time. Pure.

A search's clock begins with its first trial. It stands still while nothing ran between two sweeps, one of which goes on
with the search of the other; within a sweep every second counts, those between two trials too.
"""

import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search.trials import (
    LOST,
    MAXIMIZE,
    SWEEPER,
    WORKER,
    constraints_of,
    finished,
    over,
    searched,
    time_of_beat,
    violation_of,
)

Span = tuple[datetime, datetime, object]  # of a trial: its begin, its end, and who started its worker


@dataclass(frozen=True)
class Clock:
    """The time that a search has taken, without its interruptions."""

    begin: datetime
    end: datetime
    stops: tuple[tuple[datetime, datetime], ...]  # from when to when nobody searched, in order

    def at(self, moment: datetime) -> float:
        """Return how many seconds the search had taken at a moment of it."""
        stood = sum((min(moment, end) - begin).total_seconds() for begin, end in self.stops if begin < moment)
        return max(0.0, (moment - self.begin).total_seconds() - stood)

    @property
    def total(self) -> float:
        """Seconds up to the last thing that is known of it."""
        return self.at(self.end)


@dataclass(frozen=True)
class Point:
    """Where the best so far has become better, or the curve ends."""

    over: int  # trials that were over then: finished, pruned or failed
    seconds: float
    value: float
    trial: int  # the number of the best one


def clock_of(trials: Iterable[FrozenTrial]) -> Clock | None:
    """Return the search's clock; None where no trial has begun."""
    spans = sorted(_spans(searched(trials)), key=lambda span: span[:2])
    if not spans:
        return None
    stops: list[tuple[datetime, datetime]] = []
    begin, until, who = spans[0]
    for start, end, sweeper in spans:
        if start > until and sweeper != who:
            stops.append((until, start))
        until, who = max(until, end), sweeper
    return Clock(begin, until, tuple(stops))


def best_so_far(trials: Sequence[FrozenTrial], objective: int, direction: str, max_retries: int) -> list[Point]:
    """Return the curve of one objective, the trials in the order in which they ended.

    Where trials have constraints, those that keep them count alone. Values that are nan or infinite are none.
    """
    clock = clock_of(trials)
    if clock is None:
        return []
    is_better = operator.gt if direction == MAXIMIZE else operator.lt
    ended = [(trial.datetime_complete, trial) for trial in over(trials, max_retries)]
    in_order = sorted((pair for pair in ended if pair[0]), key=lambda pair: (pair[0], pair[1].number))
    counted = {trial.number: trial.values[objective] for trial in feasible(trials)}
    points: list[Point] = []
    for count, (moment, trial) in enumerate(in_order, start=1):
        value = counted.get(trial.number, math.nan)
        if math.isfinite(value) and moment and (not points or is_better(value, points[-1].value)):
            points.append(Point(count, clock.at(moment), value, trial.number))
    if points:
        points.append(Point(len(in_order), max(clock.total, points[-1].seconds), points[-1].value, points[-1].trial))
    return points


def feasible(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return the finished trials that keep their constraints; all of them where no trial has any."""
    done = finished(trials)
    if not any(map(constraints_of, done)):
        return done
    return [trial for trial in done if constraints_of(trial) and violation_of(trial) == 0]


def value_within(points: Sequence[Point], trials: float, seconds: float) -> float | None:
    """Return the best so far after so many trials and so much time; None where there was none yet."""
    passed = [point.value for point in points if point.over <= trials and point.seconds <= seconds]
    return passed[-1] if passed else None


def _spans(trials: Iterable[FrozenTrial]) -> Iterable[Span]:
    for trial in trials:
        if trial.datetime_start is not None:
            worker = trial.user_attrs.get(WORKER)
            sweeper = worker.get(SWEEPER) if isinstance(worker, dict) else None
            yield trial.datetime_start, max(trial.datetime_start, _end_of(trial)), sweeper


def _end_of(trial: FrozenTrial) -> datetime:
    """Return when the trial was last seen alive: a lost one is closed by whoever finds it, perhaps days later."""
    if trial.datetime_complete is not None and LOST not in trial.user_attrs:
        return trial.datetime_complete
    beat = time_of_beat(trial.user_attrs)
    return datetime.fromtimestamp(beat) if beat is not None else trial.datetime_start or datetime.min
