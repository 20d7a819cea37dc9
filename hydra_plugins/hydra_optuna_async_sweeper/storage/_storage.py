"""The contract of every place where a study may live, and the one that only a `_target_` describes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple, TypeVar, cast

from filelock import FileLock
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, RetryFailedTrialCallback, get_storage
from optuna.storages.journal import BaseJournalBackend, JournalFileOpenLock, JournalFileSymlinkLock
from optuna.trial import FrozenTrial, TrialState

from .._targets import make
from .._upstream import trial_id

# a `_target_` with its arguments, paths absolute
Target = Mapping[str, object]
TARGETS = ("optuna.storages.*",)
# a storage, and what one is made of
STORAGE_KINDS = (BaseStorage, BaseJournalBackend, JournalFileOpenLock, JournalFileSymlinkLock, RetryFailedTrialCallback)
STORAGE = "hydra.sweeper.storage"  # the key that messages name

_Result = TypeVar("_Result")


class Queued(NamedTuple):
    """A study as whoever claims a trial sees it."""

    # By number and not to be changed: those that wait or have ended as they are. Of those that run, what was written
    # since they began may be missing.
    trials: Sequence[FrozenTrial]
    attributes: Mapping[str, object]  # as `StudyStorage.attributes` returns


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

    def close(self, storage: BaseStorage) -> None:  # noqa: B027  # most hold none
        """Close the connections that what `open` returned holds; whoever asks it again connects again."""

    @contextmanager
    def opened(self) -> Iterator[BaseStorage]:
        """Open it, and close its connections at the end."""
        storage = self.open()
        try:
            yield storage
        finally:
            self.close(storage)

    @contextmanager
    def opened_to_stay(self) -> Iterator[BaseStorage]:
        """Open it, and close its connections if the block ends by an exception."""
        storage = self.open()
        try:
            yield storage
        except BaseException:
            self.close(storage)
            raise

    @contextmanager
    def look(self) -> Iterator[BaseStorage | None]:
        """Open it for reading; None if it is not there. Nothing is made, and no connection is kept."""
        if self.is_there():
            with self.opened() as storage:
                yield storage
        else:
            yield None

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

    def attributes(self, storage: BaseStorage, study_id: int) -> Mapping[str, object]:
        """Return the study's user attributes as they are now; at least those that steer a search."""
        return dict(storage.get_study_user_attrs(study_id))

    def look_at_queue(self, storage: BaseStorage, study_id: int) -> Queued:
        """Look at the study before a claim. Raises KeyError if it is not there.

        `storage` is what `open` returned, or `without_retry`, as for all that follow.
        """
        return Queued(storage.get_all_trials(study_id, deepcopy=False), self.attributes(storage, study_id))

    def claim(
        self,
        storage: BaseStorage,
        trials: Iterable[FrozenTrial],
        key: str,
        value: object,
        lock: AbstractContextManager[object],
    ) -> FrozenTrial | None:
        """Take the first of these trials that still waits, for this process alone; None if others have taken them all.

        Args:
            storage: the study's.
            trials: that have waited a moment ago, in the order of the queue.
            key: of a user attribute, which says who runs the trial.
            value: of this attribute.
            lock: what `queue_lock` returned.
        """
        with_lock = nullcontext() if self.claims_atomically else lock
        for trial in trials:
            with suppress(UpdateFinishedTrialError):  # it was taken, and has ended since
                with with_lock:
                    is_taken = storage.set_trial_state_values(trial_id(trial), TrialState.RUNNING)
                if is_taken:
                    storage.set_trial_user_attr(trial_id(trial), key, value)
                    return trial
        return None

    def add_waiting(self, storage: BaseStorage, study_id: int, trials: Sequence[FrozenTrial]) -> None:
        """Add trials to the queue: they wait, and have nothing but attributes."""
        for trial in trials:
            storage.create_new_trial(study_id, template_trial=trial)

    def together(self, storage: BaseStorage) -> AbstractContextManager[object]:
        """Let parameters that this thread sets in the block arrive at its end, at once, where that takes less time."""
        return nullcontext()

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
