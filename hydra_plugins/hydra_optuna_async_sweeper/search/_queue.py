"""The study as a queue of trials: filled to the budget, claimed one by one, requeued when their worker is lost."""

import random
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search.owner import Owner, Watch, is_ours, owner_of, sweeper_of
from hydra_plugins.hydra_search.results import Attempt, load_result, mark_lost
from hydra_plugins.hydra_search.trials import (
    LOST,
    RETRY_OF,
    SWEEPER,
    WARM_START_OF,
    WORKER,
    Outcome,
    directory_of,
    is_confirmation,
    outcome_of,
    searched,
)
from hydra_plugins.hydra_search.wishes import PAUSE

from .._upstream import trial_id
from ._confirming import may_confirm, missing
from ._first import grid_of
from ._given import Given, text_of
from ._stop import stop_reason
from ._tally import Tally
from ._waiting import is_blank, retries_of_lost, waiting_trial
from ._wished import as_wished

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

    from ._spec import Search

LOCK_FILE = ".queue.lock"
LARGEST_CHUNK = 128  # trials that wait; every worker of a database reads them all


class TrialQueue:
    """The study's WAITING trials, shared by all workers of all sweeps."""

    def __init__(self, search: "Search", storage: "BaseStorage") -> None:
        self.search = search  # as it was last seen to be wanted
        self._begun = search
        self._obeying = threading.Lock()
        self.storage = storage
        self.study_id = storage.get_study_id_from_name(search.study_name)
        self._lock = search.storage.queue_lock(Path(search.sweep_dir, LOCK_FILE), storage)
        self._closed: set[int] = set()
        self._watch = Watch()
        self._tally = Tally(search)
        self._given = Given(search.enqueued, grid_of(search.sampler, search.space))

    def close(self) -> None:
        """Keep no connection to the study."""
        self.search.storage.close(self.storage)

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """Return the study's trials, by number; they are not to be changed."""
        return self.storage.get_all_trials(self.study_id, deepcopy=False, states=states or None)

    def running(self) -> list[FrozenTrial]:
        """Return the trials that run in a sweep; another program on the study may have others, which are its own."""
        return [trial for trial in self.trials(TrialState.RUNNING) if is_ours(trial)]

    def obey(self) -> "Search":
        """Look at what people want of the search now. Returns the search with that."""
        with self._obeying:  # what was read later is kept
            self._heed(self.search.storage.attributes(self.storage, self.study_id))
            return self.search

    def _heed(self, attributes: Mapping[str, object]) -> None:
        self.search = self._tally.search = as_wished(self._begun, attributes)

    def _look(self, storage: "BaseStorage") -> Tally:
        """Look at the study, and at what people want of the search now."""
        with self._obeying:
            trials, attributes = self.search.storage.look_at_queue(storage, self.study_id)
            self._heed(attributes)
        return self._tally.look(trials)

    def claim(self) -> FrozenTrial | None:
        """Take a waiting trial for this process; None if the search ends or pauses, or all that is left is taken."""
        while True:
            tally = self._look(self.storage)
            if self.search.state == PAUSE:
                return None
            mine = (t for t in tally.open if trial_id(t) in self._closed and owner_of(t) == Owner.me())
            if self._requeue_forgotten(mine):
                continue
            waiting = self._claimable(tally.open)
            if not waiting and (stop_reason(tally) is not None or self.fill() == 0):
                return None
            if len(waiting) < sum(trial.state is TrialState.WAITING for trial in tally.open):
                if taken := self.search.storage.retry(self._take_one_by_one):
                    return taken
                continue
            # In order; but very many workers that all tried the first one would get in each other's way.
            crowd = max(1, min(len(waiting), self.search.n_jobs // 8))
            start = random.randrange(crowd)  # noqa: S311  # spreads, nothing secret
            if taken := self._take(waiting[start:] + waiting[:start], self.storage):
                return taken

    def _claimable(self, open_trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """Return the waiting trials that the budget has room for: those with parameters first, then the blank ones.

        More wait where the budget was lowered, another sweep asks for more, or somebody has enqueued one. When the
        search has ended, those that confirm its best.
        """
        waiting = [trial for trial in open_trials if trial.state is TrialState.WAITING]
        reason = stop_reason(self._tally)
        if reason is not None:
            return list(filter(is_confirmation, waiting)) if may_confirm(reason, self.search) else []
        return sorted(searched(waiting), key=is_blank)[: self._room(open_trials)]

    def room(self) -> int:
        """Return how many trials may still begin now, those that wait and those that are not made yet."""
        tally = self._look(self.storage)
        return self._room(tally.open) if stop_reason(tally) is None else 0

    def _room(self, open_trials: Sequence[FrozenTrial]) -> int:
        waiting = [trial for trial in searched(open_trials) if trial.state is TrialState.WAITING]
        return max(0, self.search.n_trials - self._places(open_trials) + len(waiting))

    def _places(self, open_trials: Sequence[FrozenTrial]) -> int:
        """Return how many places of the budget are taken; what another program runs takes one when it has ended."""
        taken = [t for t in searched(open_trials) if t.state is TrialState.WAITING or self._tally.is_ours(t)]
        return self._tally.places + len(taken)

    def _take_one_by_one(self) -> FrozenTrial | None:
        """Take a trial where more wait than may run, so that two workers do not both take the last one."""
        storage = self.search.storage.without_retry(self.storage)
        with self._lock:
            tally = self._look(storage)
            return self._take(self._claimable(tally.open), storage)

    def _take(self, waiting: Sequence[FrozenTrial], storage: "BaseStorage") -> FrozenTrial | None:
        worker = Owner.me().as_attribute() | {SWEEPER: self.search.sweeper.as_attribute()}
        return self.search.storage.claim(storage, waiting, WORKER, worker, self._lock)

    def note_closed(self, trial: FrozenTrial) -> None:
        """Remember that this process has closed the trial: `claim` requeues it if a crashed server forgets that."""
        self._closed.add(trial_id(trial))

    def fill(self) -> int:
        """Add waiting trials up to the budget, the blank ones a few at a time, lost ones and the user's own first.

        Returns:
            how many trials may be claimed now.
        """
        return self.search.storage.retry(self._fill)

    def _fill(self) -> int:
        # As a whole: a server that was restarted has forgotten the lock, so no call waits for it inside.
        storage = self.search.storage.without_retry(self.storage)
        with self._lock:
            tally = self._look(storage)
            reason = stop_reason(tally)
            if reason is None:
                new = self._of_search(tally)
            else:
                new = self._of_confirmation(tally.trials) if may_confirm(reason, self.search) else []
            self.search.storage.add_waiting(storage, self.study_id, new)
            return len(self._claimable([*tally.open, *new]))

    def _of_search(self, tally: Tally) -> list[FrozenTrial]:
        waiting = [trial for trial in searched(tally.open) if trial.state is TrialState.WAITING]
        missing = self.search.n_trials - self._places(tally.open)
        again = tally.retried | {trial.user_attrs.get(RETRY_OF) for trial in tally.open}
        self._given.look(tally.trials)
        blank = sum(map(is_blank, waiting))  # these give way to the user's own, and to the points of a grid
        new = [*retries_of_lost(tally.lost, again), *self._own()]
        new = new[: max(missing + blank, 0)]
        if len(waiting) == (blank if self._given.grid else 0):
            chunk = max(8, min(2 * self.search.n_jobs, LARGEST_CHUNK))
            room = missing + blank if blank else min(missing, chunk)  # a blank one would be next after a few points
            new += map(waiting_trial, self._given.following(max(0, room - len(new))))
        return new

    def _own(self) -> list[FrozenTrial]:
        origins = self.search.warm_started
        own = [(point, origins.get(text_of(point))) for point in self._given.own()]
        return [waiting_trial(point, {WARM_START_OF: origin} if origin else None) for point, origin in own]

    def _of_confirmation(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        new = [waiting_trial(trial.params, attributes) for trial, attributes in missing(trials, self.search)]
        confirming = [trial for trial in trials if is_confirmation(trial)]
        lost = [trial for trial in confirming if outcome_of(trial, self.search.max_retries) is Outcome.LOST]
        return [*retries_of_lost(lost, {trial.user_attrs.get(RETRY_OF) for trial in confirming}), *new]

    def requeue_stale(self) -> list[FrozenTrial]:
        """Close the running trials whose process is gone; `fill` adds them again. Returns those."""
        running = {trial_id(trial): trial for trial in self.running()}
        gone = self._watch.gone({key: trial.user_attrs for key, trial in running.items()})
        return [trial for key, trial in running.items() if key in gone and self.requeue(trial, "worker lost")]

    def requeue_left(self) -> None:
        """Close the running trials of this sweep's workers, which have all ended: a server forgot that they had."""
        sweeper = self.search.sweeper
        self._requeue_forgotten(trial for trial in self.trials() if sweeper_of(trial) == sweeper)

    def _requeue_forgotten(self, trials: Iterable[FrozenTrial]) -> int:
        left = [trial for trial in trials if trial.state is TrialState.RUNNING]
        for trial in left:
            self.requeue(trial, "its end was forgotten by the database")
        return len(left)

    def requeue(self, trial: FrozenTrial, reason: str) -> bool:
        """Close a running trial as lost, unless its job has left a result: then with that.

        Returns:
            whether it is to be tried again; not if it was closed by somebody else meanwhile.
        """
        try:
            now = self.storage.get_trial(trial_id(trial))
            directory, attempt = directory_of(now, self.search.sweep_dir), attempt_of(now)
            values = load_result(directory, attempt) if attempt else None
            if values is not None:
                self.storage.set_trial_state_values(trial_id(trial), TrialState.COMPLETE, values)
                return False
            self.storage.set_trial_user_attr(trial_id(trial), LOST, reason)
            closed = self.storage.set_trial_state_values(trial_id(trial), TrialState.FAIL)
        except UpdateFinishedTrialError:
            return False
        if attempt:
            mark_lost(directory, reason, attempt)
        return closed


def attempt_of(trial: FrozenTrial) -> Attempt | None:
    """Return to what the files of the trial's job belong; None before a worker has said that it took the trial."""
    owner = owner_of(trial)
    return Attempt(owner, trial.number) if owner else None
