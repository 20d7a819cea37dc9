"""A study in a journal file, to which all processes append: the default, fast, and safe on one machine's disk."""

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from optuna.storages import BaseStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from hydra_plugins.hydra_search.errors import bad_input

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
        return QuickJournal(JournalFileBackend(str(self.file), lock_obj=JournalLock(self.file)))

    def _mend(self) -> bool:
        lock = JournalLock(self.file)
        lock.acquire()
        try:
            return mend(self.file)
        finally:
            lock.release()

    @property
    def shown(self) -> str:
        """The path."""
        return str(self.file)


class JournalLock(JournalFileOpenLock):
    """Excludes other writers by a lock of the operating system, which goes with a killed process.

    Optuna's own lock files stay behind a killed process, and everybody waits 30 s for them. Whoever gets the lock first
    cuts off what a killed writer left half-written: the next line would otherwise be glued to it, and never be read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))  # the type that JournalFileBackend takes; both of its methods stand below
        self._path = path
        self._lock = FileLock(path.with_name(f".{path.name}.lock"))

    def acquire(self) -> bool:
        """Wait for the lock, and mend the end of the file."""
        self._lock.acquire(poll_interval=0.002)
        cut_half_line(self._path)
        return True

    def release(self) -> None:
        """Let the next writer in."""
        self._lock.release()


def cut_half_line(path: Path) -> None:
    """Shorten a file that does not end with a line end to its last whole line."""
    with path.open("rb+") as file:
        end = file.seek(0, 2)
        if end == 0:
            return
        file.seek(end - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
