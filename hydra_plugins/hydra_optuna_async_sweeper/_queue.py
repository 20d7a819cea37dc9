"""The study as a queue of trials: filled to the budget, claimed one by one, put back when their worker is lost."""

import json
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from hydra_plugins.hydra_trial import load_result

from ._liveness import Owner, owner_is_gone
from ._patience import patiently
from ._stop import INTERRUPTED, is_put_back, stop_reason
from ._storage import is_sqlite, queue_lock

if TYPE_CHECKING:
    from ._search import Search

LOCK_FILE = ".queue.lock"
JOB_DIR = "job_dir"  # the user attribute with a job's directory in the sweep's, if that is not the trial's number
LARGEST_CHUNK = 128  # trials that wait; every worker of a database reads them all
FIXED = "fixed_params"  # the system attribute in which study.enqueue_trial keeps a point


class TrialQueue:
    """The study's WAITING trials, shared by all workers of all sweeps."""

    def __init__(self, search: "Search", storage: BaseStorage) -> None:
        self.search = search
        self.storage = storage
        self.study_id = storage.get_study_id_from_name(search.study_name)
        self._lock = queue_lock(search.storage, Path(search.sweep_dir, LOCK_FILE))
        # SQLite lets two processes claim one trial; a journal file and PostgreSQL do not.
        self._claim_lock: AbstractContextManager[object] = self._lock if is_sqlite(search.storage) else nullcontext()
        self._done: set[int] = set()

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """Return the study's trials, by number; they are not to be changed."""
        return self.storage.get_all_trials(self.study_id, deepcopy=False, states=states or None)

    def claim(self) -> FrozenTrial | None:
        """Take a waiting trial for this process; None if the search is to end, or all that is left is taken."""
        # Read once: a database sends everything that is not finished, each time.
        while stop_reason(trials := self.trials(), self.search) is None:
            if self._close_left(t for t in trials if t._trial_id in self._done and owned_by(t, Owner.me())):
                continue
            waiting = [trial for trial in trials if trial.state is TrialState.WAITING]
            if not waiting and self.fill() == 0:
                return None
            # In order; but very many workers that all tried the first one would get in each other's way.
            crowd = max(1, min(len(waiting), self.search.n_jobs // 8))
            start = random.randrange(crowd)  # noqa: S311  # spreads, nothing secret
            for trial in waiting[start:] + waiting[:start]:
                if self._take(trial):
                    return trial
        return None

    def _take(self, trial: FrozenTrial) -> bool:
        try:
            with self._claim_lock:
                if not self.storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING):
                    return False
            worker = Owner.me().as_attribute() | {"sweeper": self.search.sweeper.as_attribute()}
            self.storage.set_trial_user_attr(trial._trial_id, "worker", worker)
        except UpdateFinishedTrialError:
            return False
        return True

    def done(self, trial: FrozenTrial) -> None:
        """Note that this process is done with the trial: `claim` closes it anew if a server forgets its verdict."""
        self._done.add(trial._trial_id)

    def fill(self) -> int:
        """Add waiting trials up to the budget, a few at a time, lost ones and the user's points first.

        Returns:
            how many trials are waiting now.
        """
        return patiently(self._fill)

    def _fill(self) -> int:
        # Not patient inside: a server that was restarted has forgotten the lock.
        storage: BaseStorage = getattr(self.storage, "impatient", self.storage)
        with self._lock:
            trials = storage.get_all_trials(self.study_id, deepcopy=False)
            waiting = sum(trial.state is TrialState.WAITING for trial in trials)
            if waiting:
                return waiting
            missing = self.search.n_trials - sum(not is_put_back(trial, self.search.max_retries) for trial in trials)
            new = [*self._retries(trials), *self._points(trials)][: max(missing, 0)]
            chunk = max(8, min(2 * self.search.n_jobs, LARGEST_CHUNK))
            new += [create_trial(state=TrialState.WAITING)] * max(0, min(missing, chunk) - len(new))
            for trial in new:
                storage.create_new_trial(self.study_id, template_trial=trial)
            return len(new)

    def _retries(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        again = {trial.user_attrs.get("retry_of") for trial in trials}
        lost = [t for t in trials if is_put_back(t, self.search.max_retries) and t.number not in again]
        return [
            waiting_trial(
                {**trial.system_attrs.get(FIXED, {}), **trial.params},  # it may have been lost between two parameters
                retry_of=trial.number,
                retries=int(trial.user_attrs.get("retries", 0)) + (trial.user_attrs["lost"] != INTERRUPTED),
            )
            for trial in lost
        ]

    def _points(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        if not self.search.points:
            return []
        used = {as_text(trial.system_attrs[FIXED]) for trial in trials if FIXED in trial.system_attrs}
        return [waiting_trial(point) for point in self.search.points if as_text(point) not in used]

    def close_lost(self) -> list[FrozenTrial]:
        """Close the running trials whose process is gone; `fill` puts them back. Returns those."""
        return [t for t in self.trials(TrialState.RUNNING) if self.is_lost(t) and self.put_back(t, "worker lost")]

    def close_left(self) -> None:
        """Close the running trials of this sweep's workers, all of which have ended: their verdicts were forgotten."""
        sweeper = self.search.sweeper.as_attribute()
        self._close_left(t for t in self.trials() if t.user_attrs.get("worker", {}).get("sweeper") == sweeper)

    def _close_left(self, trials: Iterable[FrozenTrial]) -> int:
        left = [trial for trial in trials if trial.state is TrialState.RUNNING]
        for trial in left:
            self.put_back(trial, "verdict lost")
        return len(left)

    def is_lost(self, trial: FrozenTrial) -> bool:
        """Tell whether nobody works on this running trial any more."""
        started = trial.datetime_start or datetime.now()  # as Optuna writes it
        seconds = (datetime.now(started.tzinfo) - started).total_seconds()
        return owner_is_gone(trial.user_attrs, seconds, time.time())

    def put_back(self, trial: FrozenTrial, reason: str) -> bool:
        """Close a running trial without a verdict, unless its job has left a result: then with that.

        Returns:
            whether it is to be tried again; not if it was closed by somebody else meanwhile.
        """
        try:
            values = load_result(job_directory(self.search.sweep_dir, self.storage.get_trial(trial._trial_id)))
            if values is not None:
                self.storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, values)
                return False
            self.storage.set_trial_user_attr(trial._trial_id, "lost", reason)
            return self.storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        except UpdateFinishedTrialError:
            return False


def job_directory(sweep_dir: str, trial: FrozenTrial) -> Path:
    """Return where the trial's job writes its output."""
    return Path(sweep_dir, str(trial.user_attrs.get(JOB_DIR, trial.number)))


def owned_by(trial: FrozenTrial, owner: Owner) -> bool:
    """Tell whether this process took the trial."""
    worker = trial.user_attrs.get("worker")
    return worker is not None and Owner.of_attribute(worker) == owner


def waiting_trial(point: Mapping[str, object], **attributes: object) -> FrozenTrial:
    """Return a trial to be added, with its parameters given."""
    return create_trial(state=TrialState.WAITING, system_attrs={FIXED: dict(point)}, user_attrs=attributes)


def as_text(point: Mapping[str, object]) -> str:
    """Return one text for equal points."""
    return json.dumps(point, sort_keys=True)
