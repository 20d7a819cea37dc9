"""A study in a journal file, to which all processes append: the default, fast, and safe on one machine's disk."""

from dataclasses import dataclass
from pathlib import Path

from optuna.storages import BaseStorage
from optuna.storages.journal import JournalFileBackend

from hydra_plugins.hydra_search.errors import bad_input
from hydra_plugins.hydra_search.studies import journal_lock

from .._upstream import QuickJournal
from ._damage import ends_well, mend
from ._storage import STORAGE, StudyStorage


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

    def _open(self) -> BaseStorage:
        return QuickJournal(JournalFileBackend(str(self.file), lock_obj=journal_lock(self.file)))

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
