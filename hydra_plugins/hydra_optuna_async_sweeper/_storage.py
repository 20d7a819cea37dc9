"""Where the study lives: a journal file in the sweep directory unless told otherwise."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from filelock import FileLock
from hydra.utils import instantiate
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, get_storage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

from ._database import PostgresLock, check_reachable, masked
from ._patience import patient, patiently
from ._search_space import bad_input

if TYPE_CHECKING:
    from ._search import Plain

KEY = "hydra.sweeper.storage"
JOURNAL = "optuna_journal.log"
TARGETS = ("optuna.storages.*",)


class JournalLock(BaseJournalFileLock):
    """Excludes other writers by a lock of the operating system, which goes with a killed process.

    Optuna's own lock files stay behind a killed process, and everybody waits 30 s for them. Whoever gets the lock first
    cuts off what a killed writer left half-written: the next line would otherwise be glued to it, and never be read.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._lock = FileLock(self._path.with_name(f".{self._path.name}.lock"))

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


def resolve_storage(storage: object, sweep_dir: Path, base: Path) -> "str | Plain":
    """Return what `open_storage` needs in any process: the default filled in, relative paths made absolute.

    Args:
        storage: null, a URL, or a mapping with a `_target_` of optuna.storages.
        sweep_dir: where the default journal stands.
        base: what relative paths are relative to.

    Raises:
        BadInput: neither, a storage that only one process can see, or a database that does not let us in.
    """
    if storage is None:
        return {"journal": str(sweep_dir / JOURNAL)}
    if isinstance(storage, str):
        return _reachable(_absolute_url(storage, base))
    target = str(storage.get("_target_", "")) if isinstance(storage, Mapping) else ""
    if not target.startswith("optuna.storages."):
        remedy = "Leave it null for a journal file in the sweep directory, or write sqlite:///study.db."
        raise bad_input(KEY, storage, "must be null, a URL, or a _target_ of optuna.storages", remedy)
    if target.endswith("InMemoryStorage"):
        remedy = "Leave it null: a journal file in the sweep directory costs about as little."
        raise bad_input(KEY, target, "a storage in memory can't be shared with the workers", remedy)
    found = _absolute_paths(cast("Mapping[str, object]", storage), base)
    if target.endswith("RDBStorage"):
        _reachable(str(found.get("url")))
    return found


def open_storage(storage: "str | Plain") -> BaseStorage:
    """Open what `resolve_storage` returned.

    Databases are wrapped in Optuna's cache here, once: each `Study` would else wrap them anew, and a new cache knows no
    trial to store a parameter of until it has read the whole study.
    """
    if not is_postgresql(storage):
        return get_storage(_open(storage))

    def open_alone() -> BaseStorage:
        with PostgresLock(url_of(storage)):  # of two processes that make the tables at once, one would fail
            return get_storage(_open(storage))

    return patient(patiently(open_alone))


def _open(storage: "str | Plain") -> BaseStorage:
    if isinstance(storage, str):
        return _open_database(storage)
    if "journal" in storage:
        path = str(storage["journal"])
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(path, lock_obj=JournalLock(path)))
    opened = instantiate(dict(storage), _execution_whitelist_=TARGETS)
    return cast("BaseStorage", opened)


def _open_database(url: str) -> RDBStorage:
    if not is_sqlite(url):
        return RDBStorage(url)
    Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})


def queue_lock(storage: "str | Plain", path: Path) -> AbstractContextManager[object]:
    """Return the lock for reading the study and writing what follows from it; a file, unless the database has one."""
    return PostgresLock(url_of(storage)) if is_postgresql(storage) else FileLock(path)


def url_of(storage: "str | Plain") -> str:
    """Return the URL of a database; empty for other storages."""
    return storage if isinstance(storage, str) else str(storage.get("url", ""))


def file_of(storage: "str | Plain") -> Path | None:
    """Return the file of a storage that is one: a journal's or SQLite's; None for a server."""
    if isinstance(storage, str) or "url" in storage:
        url = url_of(storage)
        return Path(url.removeprefix("sqlite:///")) if is_sqlite(url) else None
    return Path(str(storage["journal"])) if "journal" in storage else None


def is_postgresql(storage: "str | Plain") -> bool:
    """Tell whether the study is in a server that workers without a common disk may share."""
    return url_of(storage).startswith("postgresql")


def is_sqlite(storage: "str | Plain") -> bool:
    """Tell whether this is a SQLite file, where two workers can claim one trial at the same moment."""
    return url_of(storage).startswith("sqlite")


def described(storage: "str | Plain") -> str:
    """Return the storage as a person would write it, and as optuna-dashboard opens it."""
    if isinstance(storage, str):
        return masked(storage)
    return str(storage["journal"]) if "journal" in storage else str(storage.get("_target_"))


def _reachable(url: str) -> str:
    if not is_sqlite(url):  # that is a file, made when it is opened
        check_reachable(KEY, url)
    return url


def _absolute_url(url: str, base: Path) -> str:
    if "://" not in url:
        remedy = "Leave it null for a journal file in the sweep directory, or write sqlite:///study.db."
        raise bad_input(KEY, url, "must be a database URL", remedy)
    if not url.startswith("sqlite:///"):
        return url
    return f"sqlite:///{base / url.removeprefix('sqlite:///')}"


def _absolute_paths(storage: "Plain", base: Path) -> "Plain":
    found: dict[str, object] = {}
    for key, value in storage.items():
        if isinstance(value, Mapping):
            found[key] = _absolute_paths(value, base)
        elif key == "file_path":
            found[key] = str(base / str(value))
        else:
            found[key] = _absolute_url(value, base) if key == "url" and isinstance(value, str) else value
    return found
