"""One of several searches, with what its trials tell: its best, its curves, what it took, how it was set."""

from dataclasses import dataclass
from functools import cached_property
from statistics import median

from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search.confirmation import Confirmed
from hydra_plugins.hydra_search.secrets import Secrets
from hydra_plugins.hydra_search.trials import Outcome, best_trials, confirmed_trials, finished

from ._best_so_far import Clock, Point, best_so_far, clock_of
from ._compared import Compared
from ._settings import Settings, settings_of
from ._trials import by_key, counts, seconds_of, space_rows


@dataclass(frozen=True)
class Course:
    """One search, with what its trials tell."""

    search: Compared
    clock: Clock | None
    curves: tuple[list[Point], ...]  # one for each objective
    ranked: list[FrozenTrial]  # best first, or the Pareto front
    settings: Settings

    @property
    def goal(self) -> tuple[tuple[str, str], ...]:
        """Metric and direction of each objective."""
        return tuple(zip(self.search.facts.metrics, self.search.facts.directions, strict=True))

    @property
    def goal_text(self) -> str:
        """The same for a person: `maximize accuracy`."""
        return ", ".join(f"{direction} {metric}" for metric, direction in self.goal)

    @property
    def best(self) -> FrozenTrial | None:
        """The best trial, or the first of the front."""
        return self.ranked[0] if self.ranked else None

    @cached_property
    def counts(self) -> dict[Outcome, int]:
        """Trials by outcome."""
        return counts(self.search.facts, self.search.trials)

    @cached_property
    def over(self) -> int:
        """Trials that count for the budget."""
        return sum(self.counts.get(outcome, 0) for outcome in (Outcome.FINISHED, Outcome.PRUNED, Outcome.FAILED))

    @cached_property
    def confirmed(self) -> Confirmed | None:
        """What repeated runs say of the best trial of a single objective, if it was confirmed."""
        found = confirmed_trials(self.search.trials)
        return found.get(self.best.number) if self.best and len(self.goal) == 1 else None

    @property
    def seconds_to_best(self) -> float | None:
        """From the first trial to the end of the best one."""
        ended = self.best.datetime_complete if self.best and len(self.goal) == 1 else None
        return self.clock.at(ended) if ended and self.clock else None

    @property
    def median_seconds(self) -> float | None:
        """Of a finished trial."""
        known = [s for s in map(seconds_of, finished(self.search.trials)) if s is not None]
        return median(known) if known else None

    @cached_property
    def parameters(self) -> dict[str, object]:
        """Those of the best trial by their config keys, without secrets."""
        if self.best is None:
            return {}
        secrets, rows = Secrets(self.search.facts.redact), space_rows(self.search.facts, [self.best])
        return {key: secrets.tree(value, key) for key, value in by_key(self.best, rows).items()}


def course_of(search: Compared) -> Course:
    """Work it out."""
    facts, trials = search.facts, search.trials
    curves = [best_so_far(trials, place, d, facts.max_retries) for place, d in enumerate(facts.directions)]
    ranked = best_trials(trials, facts.directions)
    return Course(search, clock_of(trials), tuple(curves), ranked, settings_of(search))


def seconds_text(seconds: float | None) -> str:
    """Write a length of time for a person: `3.2 s`, `4 min 10 s`, `2 h 5 min`."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left} min" if hours else f"{minutes} min {rest} s"
