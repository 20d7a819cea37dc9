"""What is private in Optuna's storages and has no public way, and the journal that is made with it.

`tests/hydra_optuna_async_sweeper/storage/test_upstream.py` fails when one of these names changes its meaning.
"""

import threading
from collections.abc import Container, Iterator
from contextlib import contextmanager
from itertools import islice, takewhile
from typing import Any

from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

# The operations of a journal, `op_code`, that make no study and no trial, and so leave the numbers of all others alone.
KEEP_NUMBERS = frozenset({1, 2, 3, 5, 6, 7, 8, 9, 10})


class HoldingBackend(JournalFileBackend):
    """A journal file, to which a thread appends at once what it has written meanwhile."""

    def __init__(self, path: str, lock: JournalFileOpenLock) -> None:
        super().__init__(path, lock)
        self._of_thread = threading.local()

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append, or hold back."""
        held = getattr(self._of_thread, "held", None)
        if held is None:
            super().append_logs(logs)
        else:
            held += logs

    @contextmanager
    def held(self) -> Iterator[list[dict[str, Any]]]:
        """Hold back what this thread writes in the block."""
        self._of_thread.held = []
        try:
            yield self._of_thread.held
        finally:
            self._of_thread.held = None


class QuickJournal(JournalStorage):
    """A journal that hands out all trials of a study, for reading, in little time however many have ended."""

    def __init__(self, backend: HoldingBackend) -> None:
        super().__init__(backend)
        self.backend = backend
        self._ended: dict[int, list[FrozenTrial]] = {}  # by study: the first ones, which will never change again

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials by number. Raises KeyError if there is no such study."""
        if deepcopy:
            return super().get_all_trials(study_id, deepcopy, states)
        with self._thread_lock:
            self._sync_with_backend()
            known = self._replay_result
            trial_of, ids = known._trials.__getitem__, known._study_id_to_trial_ids[study_id]
            ended = self._ended.setdefault(study_id, [])
            ended += takewhile(lambda trial: trial.state.is_finished(), map(trial_of, islice(ids, len(ended), None)))
            trials = [*ended, *map(trial_of, islice(ids, len(ended), None))]
        return trials if states is None else [trial for trial in trials if trial.state in states]

    @contextmanager
    def together(self) -> Iterator[None]:
        """Append at the end of the block what this thread writes there: under one lock, and to the disk once.

        If the block raises, nothing is written. Of all that is wrong with its operations the first is raised.
        """
        with self.backend.held() as held:
            yield
        first: Exception | None = None
        with self._thread_lock:  # else another thread would read them, and not care
            self.backend.append_logs(held)
            for _ in held:
                try:
                    self._sync_with_backend()
                    break
                except Exception as error:  # each operation has its own; the next read would stop at the second
                    first = first or error
        if first:
            raise first


def database_of(storage: BaseStorage) -> RDBStorage:
    """Return the database below the cache that `optuna.storages.get_storage` puts around it."""
    database: RDBStorage = storage._backend  # type: ignore[attr-defined]
    return database
