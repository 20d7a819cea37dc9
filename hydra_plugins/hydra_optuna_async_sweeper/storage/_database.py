"""A study in a database: a SQLite file, a PostgreSQL server that may be restarted meanwhile, or another server."""

import logging
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage, get_storage

from hydra_plugins.hydra_search.errors import DatabaseGone, bad_input, one_line
from hydra_plugins.hydra_search.urls import masked

from ._storage import StudyStorage, Target, instantiated

if TYPE_CHECKING:
    from sqlalchemy import Connection  # a fifth of a second, which a search with a journal need not wait

SECONDS_TO_CONNECT = 10
LOCK_NUMBER = 4_786_205_121  # any number, the same for all processes
# Of a machine that was switched off, the server would hear nothing for hours.
SECONDS_TO_HOLD = 60
KNOW_CONNECT_TIMEOUT = re.compile(r"(postgresql(\+psycopg2?)?|mysql(\+(pymysql|mysqldb))?)://")
SQLITE_FILE = re.compile(r"(sqlite(?:\+\w+)?:///)([^?]+)")

LONGEST_OUTAGE, LONGEST_WAIT = 600.0, 5.0  # seconds
# The methods that take a trial's id: a KeyError means that a crashed server had acknowledged more than it had kept.
OF_ONE_TRIAL = (
    "get_trial", "set_trial_param", "set_trial_state_values", "set_trial_intermediate_value", "set_trial_user_attr",
    "set_trial_system_attr",
)  # fmt: skip

log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


def database_at(url: str, target: Target | None = None) -> "Database":
    """Return the database of a URL.

    Args:
        url: of SQLAlchemy; the path of a SQLite file is absolute.
        target: the RDBStorage to make instead of the one that serves this URL best.
    """
    if url.startswith("sqlite"):
        found = SQLITE_FILE.match(url)
        return SQLite(url, target, Path(found[2]) if found else None)
    return PostgreSQL(url, target) if url.startswith("postgresql") else Database(url, target)


@dataclass(frozen=True)
class Database(StudyStorage):
    """A database server that Optuna can use."""

    url: str
    target: Target | None = None
    file: Path | None = None

    def open(self) -> BaseStorage:
        """Connect, and make the tables."""
        return get_storage(self._made() if self.target is None else instantiated(self.target))

    def _made(self) -> RDBStorage:
        return RDBStorage(self.url)

    @property
    def shown(self) -> str:
        """The URL, or the name of what makes it."""
        return masked(self.url) if self.target is None else str(self.target["_target_"])

    def check_reachable(self, key: str) -> None:
        """Connect once, and leave.

        Raises:
            BadInput: there is no driver for it, nobody answers, or we are not let in. `key` is the setting to name.
        """
        from sqlalchemy import NullPool, create_engine
        from sqlalchemy.exc import SQLAlchemyError

        limit = {"connect_timeout": SECONDS_TO_CONNECT} if KNOW_CONNECT_TIMEOUT.match(self.url) else {}
        try:
            create_engine(self.url, poolclass=NullPool, connect_args=limit).connect().close()
        except ImportError as error:
            remedy = "For PostgreSQL: pip install 'psycopg[binary]', and write postgresql+psycopg://..."
            rule = f"its database driver is not installed ({error})"
            raise bad_input(key, masked(self.url), rule, remedy) from None
        except (SQLAlchemyError, ValueError) as error:
            remedy = "Write postgresql+psycopg://user:password@host:port/database, and see that the server runs."
            rule = f"can't be opened ({one_line(getattr(error, 'orig', None) or error)})"
            raise bad_input(key, masked(self.url), rule, remedy) from None


@dataclass(frozen=True)
class SQLite(Database):
    """A SQLite file, where two workers can claim one trial at the same moment."""

    claims_atomically: ClassVar[bool] = False

    def _made(self) -> RDBStorage:
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        return RDBStorage(self.url, engine_kwargs={"connect_args": {"timeout": 60}})

    def check_reachable(self, key: str) -> None:
        """Ask only for its name: the file is made when it is opened."""
        if self.file is None:
            rule = "names no file that the workers could share"
            raise bad_input(key, masked(self.url), rule, "Write sqlite:///study.db.")


@dataclass(frozen=True)
class PostgreSQL(Database):
    """A server that workers without a common disk may share; it may be restarted meanwhile."""

    def open(self) -> BaseStorage:
        """Connect, and make the tables. Each method of what is returned waits for the server while it is away."""

        def open_alone() -> BaseStorage:
            with AdvisoryLock(self.url):  # of two processes that make the tables at once, one would fail
                return super(PostgreSQL, self).open()

        return cast("BaseStorage", RetryingStorage(retry(open_alone)))  # has what a BaseStorage has

    def queue_lock(self, path: Path) -> AbstractContextManager[object]:
        """Return the server's lock; there may be no common disk."""
        return AdvisoryLock(self.url)

    def retry(self, call: Callable[[], _Result]) -> _Result:
        """Return `call()`; call it again while the server is away, so it must bear being done twice."""
        return retry(call)

    def without_retry(self, storage: BaseStorage) -> BaseStorage:
        """Return the storage that does not wait: a server that was restarted has forgotten who holds its lock."""
        return storage.once if isinstance(storage, RetryingStorage) else storage


class AdvisoryLock:
    """A lock that the server keeps; it goes with the connection."""

    def __init__(self, url: str) -> None:
        from sqlalchemy import NullPool, create_engine

        self._engine = create_engine(url, poolclass=NullPool)
        self._connection: Connection | None = None

    def __enter__(self) -> None:
        """Wait for it."""
        from sqlalchemy import text

        self._connection = self._engine.connect()
        self._connection.execute(text(f"SET idle_in_transaction_session_timeout = '{SECONDS_TO_HOLD}s'"))
        self._connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK_NUMBER})"))

    def __exit__(self, *_: object) -> None:
        """Let the next one in."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class TrialForgotten(UpdateFinishedTrialError):
    """The trial is not in the database any more: for whoever works on it, as one that somebody else has closed."""


def retry(call: Callable[[], _Result]) -> _Result:
    """Return `call()`; call it again while the database server is away.

    What is called may have been done though its answer was lost, so it must bear being done twice.

    Raises:
        DatabaseGone: the server stays away.
    """
    gone_at, wait = None, 0.25
    while True:
        try:
            result = call()
        except Exception as error:  # looked at below: only an outage is waited for
            reason = outage(error)
            if reason is None:
                raise
            if gone_at is None:
                gone_at = time.monotonic()
                log.warning(f"The study's database can't be reached, waiting for it: {reason}")
            if time.monotonic() - gone_at > LONGEST_OUTAGE:
                minutes = f"{LONGEST_OUTAGE / 60:.0f} minutes"
                raise DatabaseGone(f"The study's database stays away for {minutes}: {reason}") from error
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        else:
            if gone_at is not None:
                log.info(f"The study's database is back after {time.monotonic() - gone_at:.0f} s.")
            return result


def outage(error: BaseException) -> str | None:
    """Return what the driver says if this error tells that the server is away; None for every other error."""
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, PendingRollbackError

    cause = error.__cause__ if isinstance(error, StorageInternalError) else error
    if isinstance(cause, (OperationalError, InterfaceError)) or (
        isinstance(cause, DBAPIError) and cause.connection_invalidated
    ):
        return str(cause.orig).partition("\n")[0]
    if isinstance(cause, PendingRollbackError):  # Optuna goes on with the session once, after such an error
        return "the connection was lost"
    return None


class RetryingStorage:
    """A storage whose methods wait for the server; `once` is the storage itself, whose methods don't."""

    def __init__(self, once: BaseStorage) -> None:
        self.once = once

    def __getattr__(self, name: str) -> Callable[..., Any]:  # Any: each method's own
        """Return the method of this name that waits."""
        if name == "once" or name.startswith("__"):  # asked for by copy and pickle, before `once` is there
            raise AttributeError(name)
        method = getattr(self.once, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return retry(lambda: method(*args, **kwargs))
            except KeyError as error:
                if name not in OF_ONE_TRIAL:
                    raise
                trial_id = next(iter((*args, *kwargs.values())))
                raise TrialForgotten(f"The database has forgotten the trial with the id {trial_id}.") from error

        return call
