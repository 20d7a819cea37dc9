"""How far a search is: read from its study alone, with what its sweeps and people have written there."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hydra_plugins.hydra_optuna_async_sweeper.config import OptunaAsyncSweeperConf
from hydra_plugins.hydra_search.owner import SILENCE, is_ours, owner_of
from hydra_plugins.hydra_search.secrets import Secrets
from hydra_plugins.hydra_search.studies import trials_of
from hydra_plugins.hydra_search.sweeps import SweepRecord, sweeps_in
from hydra_plugins.hydra_search.trials import FIXED, Outcome, best_trials, outcome_of, over, time_of_beat
from hydra_plugins.hydra_search.wishes import CANCEL, PAUSE, STATE, STOP, Wish, wishes_in

from ._found import Found

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

RUNNING, PAUSED, STOPPED, COMPLETE, FAILED, INTERRUPTED, UNFINISHED = (
    "running", "paused", "stopped", "complete", "failed", "interrupted", "unfinished",
)  # fmt: skip
BY = "ended by "  # how the record of a sweep begins that came to its end; behind it the rule, or the wish
# What the record says, or has behind `ended by`, of a sweep that did not come to an end that was wanted.
OF_PEOPLE = {"stop": STOP, "cancelled": CANCEL}
OF_FAILURES = ("failed", "stopped", "max_failure_rate", "max_initial_failures")


@dataclass(frozen=True)
class State:
    """What a study tells."""

    search: Found
    trials: Sequence["FrozenTrial"]
    directions: tuple[str, ...]
    attributes: Mapping[str, Any]  # of the study: Any: JSON

    @classmethod
    def of(cls, search: Found) -> "State":
        """Read the study."""
        storage, number = search.storage, search.study_id
        directions = tuple(direction.name.lower() for direction in storage.get_study_directions(number))
        attributes = storage.get_study_user_attrs(number)
        return cls(search, trials_of(storage, search.study_name), directions, attributes)

    @property
    def sweeps(self) -> list[SweepRecord]:
        """The sweeps that have worked on it, the latest last."""
        return sweeps_in(self.attributes)

    @property
    def wishes(self) -> list[Wish]:
        """What people have asked for, the latest last."""
        return sorted(wishes_in(self.attributes).values(), key=lambda wish: wish.at)

    @property
    def max_retries(self) -> int:
        """How often a lost trial is tried again; by default where nobody knows."""
        return self.search.facts.max_retries if self.search.facts else OptunaAsyncSweeperConf.max_retries

    @property
    def n_trials(self) -> int | None:
        """The study's total that is wanted; None where nobody knows."""
        sweeps = [sweep for sweep in self.sweeps if sweep.is_running()] or self.sweeps[-1:]
        facts = [self.search.facts.n_trials] if self.search.facts else []
        return max((sweep.n_trials for sweep in sweeps), default=facts[0] if facts else None)

    @property
    def n_over(self) -> int:
        """How many trials count for the budget."""
        return len(over(self.trials, self.max_retries))

    @property
    def running(self) -> list["FrozenTrial"]:
        """The trials that run, or that a killed worker has left so."""
        return [trial for trial in self.trials if trial.state.name == "RUNNING"]

    def counts(self) -> dict[Outcome, int]:
        """Count the trials of each outcome."""
        found = Counter(outcome_of(trial, self.max_retries) for trial in self.trials)
        return {outcome: found[outcome] for outcome in Outcome}

    def metrics(self) -> list[str]:
        """Return the names of the objectives."""
        named = self.search.facts.metrics if self.search.facts else self.search.study().metric_names
        several = [f"value_{number}" for number in range(len(self.directions))]
        return list(named or (several if len(several) > 1 else ["value"]))

    def best(self) -> list["FrozenTrial"]:
        """Return the best trial, or the Pareto front; nothing where no trial has finished."""
        ranked = best_trials(self.trials, self.directions)
        return ranked if len(self.directions) > 1 else ranked[:1]

    def params(self, trial: "FrozenTrial") -> dict[str, object]:
        """Return a trial's parameters under their config keys, without secrets."""
        facts = self.search.facts
        keys = {row.name: row.key for row in facts.space} if facts else {}
        params = {**trial.system_attrs.get(FIXED, {}), **trial.params}
        secrets = Secrets(facts.redact if facts else ())
        return {(key := keys.get(name, name)): secrets.tree(value, key) for name, value in params.items()}

    def is_running(self) -> bool:
        """Tell whether a sweep works on it, or a worker that has outlived its sweep, or another program."""
        return any(sweep.is_running() for sweep in self.sweeps) or any(is_alive(t) is not False for t in self.running)

    def state(self) -> tuple[str, str | None]:
        """Return the state, and what has led to it: the setting that ended it, or the wish."""
        wish = next((wish for wish in self.wishes if wish.concern == STATE), None)
        if self.is_running():
            if wish and wish.value == PAUSE:
                return PAUSED, wish.text
            return RUNNING, wish.text if wish and wish.value in (STOP, CANCEL) and self._is_heard(wish) else None
        ended = self.sweeps[-1].ended if self.sweeps else None
        reason = (ended or "").removeprefix(BY)
        if reason in OF_PEOPLE:
            is_known = wish is not None and wish.value == OF_PEOPLE[reason]
            return STOPPED, wish.text if wish and is_known else OF_PEOPLE[reason]
        if reason in OF_FAILURES:
            return FAILED, reason
        if reason not in ("None", ended or ""):
            return COMPLETE, reason
        if self.n_trials is not None and self.n_over >= self.n_trials:
            return COMPLETE, None
        if wish and ended is None and self.sweeps:  # the sweep was killed: its workers have obeyed
            if wish.value in (STOP, CANCEL) and self.sweeps[-1].started <= wish.at:
                return STOPPED, wish.text
            if wish.value == PAUSE:  # the same command will
                return INTERRUPTED, wish.text
        return (INTERRUPTED, ended) if self.sweeps or self.running else (UNFINISHED, None)

    def _is_heard(self, wish: Wish) -> bool:
        """Tell whether a sweep runs that was there when this was wished: a later one does not obey it."""
        running = [sweep for sweep in self.sweeps if sweep.is_running()]
        return not running or any(sweep.started <= wish.at for sweep in running)

    def seconds_of_timeout(self) -> float | None:
        """Return how long trials may still begin; None where nothing says so."""
        ends = [s.started + s.timeout for s in self.sweeps if s.is_running() and s.timeout is not None]
        return max(0.0, max(ends) - time.time()) if ends else None

    def estimated_seconds(self) -> float | None:
        """Estimate how long the trials that are left take: their number by the mean so far, shared among workers."""
        if self.n_trials is None or not self.is_running():
            return None
        ended = [t for t in over(self.trials, self.max_retries) if t.datetime_start and t.datetime_complete]
        seconds = [seconds_between(trial.datetime_start, trial.datetime_complete) for trial in ended]
        workers = len(self.running) or sum(sweep.n_jobs for sweep in self.sweeps if sweep.is_running()) or 1
        left = max(0, self.n_trials - self.n_over)
        return left * sum(seconds) / len(seconds) / workers if seconds else None


def seconds_between(start: datetime | None, end: datetime | None = None) -> float:
    """Return the seconds from a moment of a study to another one, or until now; 0 where it is not known."""
    return max(0.0, ((end or datetime.now()) - start).total_seconds()) if start else 0.0


def is_alive(trial: "FrozenTrial") -> bool | None:
    """Tell whether a running trial's worker lives; None where nobody can tell.

    On another machine, by its last beat, whose clock may differ: good enough to be shown, not to close a trial.
    """
    owner, beat = owner_of(trial), time_of_beat(trial.user_attrs)
    if owner is None:
        return None if not is_ours(trial) or seconds_between(trial.datetime_start) < SILENCE else False
    if owner.is_here():
        return owner.is_alive()
    last = beat if beat is not None else trial.datetime_start.timestamp() if trial.datetime_start else 0.0
    return time.time() - last < SILENCE
