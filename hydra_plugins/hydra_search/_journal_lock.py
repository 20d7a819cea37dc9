"""Who may write to a journal file: one process at a time, whoever it is."""

from pathlib import Path

from filelock import FileLock
from optuna.storages.journal import JournalFileOpenLock


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
