"""The contract of every place where a study may live, and the one that only a `_target_` describes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar, cast

from filelock import FileLock
from optuna.storages import BaseStorage, RetryFailedTrialCallback, get_storage
from optuna.storages.journal import BaseJournalBackend, JournalFileOpenLock, JournalFileSymlinkLock

from .._targets import make

# a `_target_` with its arguments, paths absolute
Target = Mapping[str, object]
TARGETS = ("optuna.storages.*",)
# a storage, and what one is made of
STORAGE_KINDS = (BaseStorage, BaseJournalBackend, JournalFileOpenLock, JournalFileSymlinkLock, RetryFailedTrialCallback)
STORAGE = "hydra.sweeper.storage"  # the key that messages name

_Result = TypeVar("_Result")


class StudyStorage(ABC):
    """Where a study lives: plain values, which travel to the workers; each process opens it for itself."""

    url: str = ""  # The URL of a database, password included; empty for others.
    file: Path | None = None  # The file of a storage that is one; None for a server, and where nobody knows.
    # Whether of two workers that claim a trial at the same moment one is refused; else they claim under `queue_lock`.
    claims_atomically: ClassVar[bool] = True

    @abstractmethod
    def open(self) -> BaseStorage:
        """Open it, and make what is not there yet.

        Databases are wrapped in Optuna's cache here, once: each `Study` would else wrap them anew, and a new cache
        knows no trial to store a parameter of until it has read the whole study.
        """

    def is_there(self) -> bool:
        """Tell whether `open` would find it, and make nothing."""
        return self.file is None or self.file.exists()

    @contextmanager
    def look(self) -> Iterator[BaseStorage | None]:
        """Open it for reading; None if it is not there. Nothing is made, and no connection is kept."""
        yield self.open() if self.is_there() else None

    @property
    @abstractmethod
    def shown(self) -> str:
        """As a person would write it, without a password, and as optuna-dashboard opens it."""

    def queue_lock(self, path: Path, storage: BaseStorage) -> AbstractContextManager[object]:
        """Return the lock for reading the study and writing what follows from it: a file, unless the database has one.

        `storage` is what `open` returned.

        It may be entered again and again.
        """
        return FileLock(path)

    def retry(self, call: Callable[[], _Result]) -> _Result:
        """Return `call()`. Where the study is in a server that may be away, call it again until that is back.

        Raises:
            DatabaseGone: the server stays away.
        """
        return call()

    def without_retry(self, storage: BaseStorage) -> BaseStorage:
        """Return what `open` returned, with methods that fail when the server is away, instead of waiting for it."""
        return storage


@dataclass(frozen=True)
class Custom(StudyStorage):
    """A storage of Optuna of which no more is known than how to make it."""

    target: Target

    def open(self) -> BaseStorage:
        """Make it."""
        return get_storage(instantiated(self.target))

    def is_there(self) -> bool:
        """Look for its files; a server is there."""
        return all(path.exists() for path in _files_of(self.target))

    @property
    def shown(self) -> str:
        """The name of what makes it."""
        return str(self.target["_target_"])


def _files_of(target: Target) -> Iterator[Path]:
    for key, value in target.items():
        if isinstance(value, Mapping):
            yield from _files_of(value)
        elif key == "file_path":
            yield Path(str(value))


def instantiated(target: Target, arguments: Target | None = None) -> BaseStorage:
    """Make a storage of Optuna by its `_target_`, with these arguments beside its own."""
    return cast("BaseStorage", make(target, STORAGE_KINDS, TARGETS, arguments))
