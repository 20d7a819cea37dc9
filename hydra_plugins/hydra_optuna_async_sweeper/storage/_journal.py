"""A study in a journal file, to which all processes append: the default, fast, and safe on one machine's disk."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from optuna.storages import BaseStorage

from hydra_plugins.hydra_search.errors import bad_input
from hydra_plugins.hydra_search.studies import journal_lock

from ._damage import ends_well, mend
from ._storage import STORAGE, StudyStorage
from ._upstream import HoldingBackend, QuickJournal


@dataclass(frozen=True)
class Journal(StudyStorage):
    """A journal file, by its absolute path."""

    file: Path

    def open(self) -> BaseStorage:
        """Open it; its folder is made too. A journal with damaged lines goes on without them, see `mend`.

        Raises:
            BadInput: the file can't be read or written.
        """
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            opened = self._open()
            if not ends_well(self.file):
                self._mend()
            return opened
        except OSError as error:
            rule, remedy = f"can't be opened ({error.strerror})", "See who may write there, and that it is a file."
            raise bad_input(STORAGE, self.shown, rule, remedy) from error
        except Exception:  # whatever a damaged line makes Optuna raise
            if not self._mend():
                raise
            return self._open()

    def together(self, storage: BaseStorage) -> AbstractContextManager[object]:
        """Append it at once: one lock and one write to the disk."""
        return storage.together() if isinstance(storage, QuickJournal) else nullcontext()

    def _open(self) -> BaseStorage:
        return QuickJournal(HoldingBackend(str(self.file), journal_lock(self.file)))

    def _mend(self) -> bool:
        lock = journal_lock(self.file)
        lock.acquire()
        try:
            return mend(self.file)
        finally:
            lock.release()

    @property
    def shown(self) -> str:
        """The path."""
        return str(self.file)
