"""A study in a PostgreSQL server, which workers without a common disk may share, and which may be restarted meanwhile.

At rest a process holds one connection, its queue lock included: a server that has as many slots as the search has
processes is enough.
"""

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search.errors import bad_input
from hydra_plugins.hydra_search.studies import SECONDS_TO_CONNECT

from ._database import Database
from ._incremental import IncrementalStorage
from ._retry import RetryingStorage, retry
from ._storage import STORAGE, Queued, instantiated

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine  # a fifth of a second, which a search with a journal need not wait

LOCK_NUMBER = 4_786_205_121  # any number, the same for all processes
SECONDS_TO_ANSWER, SECONDS_TO_REPLY = 30, 35  # for the server, and as seen from here; a statement takes milliseconds
# Of a machine that was switched off, or a process that was stopped, the server would hear nothing for hours.
SECONDS_TO_HOLD = 60
USES_LIBPQ = re.compile(r"postgresql(\+psycopg2?)?://")
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
LIBPQ_ARGUMENTS = {
    "connect_timeout": SECONDS_TO_CONNECT,
    "keepalives": 1,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 1000 * SECONDS_TO_ANSWER,
}
OF_A_SESSION = (
    f"SET statement_timeout = '{SECONDS_TO_ANSWER}s'; SET idle_in_transaction_session_timeout = '{SECONDS_TO_HOLD}s'; "
    "SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
)
KNOWS_IDLE_SESSION_TIMEOUT = (14,)  # the server's version

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class PostgreSQL(Database):
    """A PostgreSQL server."""

    def open(self) -> BaseStorage:
        """Connect, and make the tables. Each method of what is returned waits for the server while it is away.

        Raises:
            BadInput: the tables are of another version of Optuna.
        """
        retry(self._make_tables)
        database = retry(self._made)
        version, needed = retry(database.get_current_version), database.get_head_version()
        if version != needed:
            database.engine.dispose()
            rule = f"its tables are of another version of Optuna ({version}, this one has {needed})"
            remedy = "Install the newer Optuna; if that is this one: optuna storage upgrade --storage URL."
            raise bad_input(STORAGE, self.shown, rule, remedy)
        incremental = cast("BaseStorage", IncrementalStorage(database))  # both have what a BaseStorage has
        return cast("BaseStorage", RetryingStorage(incremental))

    def _make_tables(self) -> None:
        connect = Connect(self.url)
        engine = one_connection(connect)
        try:
            if has_tables(engine):
                return
            with AdvisoryLock(engine, connect):  # of two processes that make the tables at once, one would fail
                RDBStorage(self.url).engine.dispose()  # makes them by two connections at a time
        finally:
            engine.dispose()

    def _made(self) -> RDBStorage:
        # Optuna's check needs two connections at a time, so `open` compares the versions
        ours: dict[str, Any] = {  # Any: of RDBStorage
            "engine_kwargs": arguments_of(Connect(self.url)),
            "skip_compatibility_check": True,
        }
        if self.target is None:
            return RDBStorage(self.url, **ours)
        return cast("RDBStorage", instantiated(self.target, None if "engine_kwargs" in self.target else ours))

    def queue_lock(self, path: Path, storage: BaseStorage) -> AbstractContextManager[object]:
        """Return the server's lock, held by the connection of `storage`; there may be no common disk."""
        database = self._incremental(storage).database
        connect = database.engine_kwargs.get("creator")
        if isinstance(connect, Connect):
            return AdvisoryLock(database.engine, connect)
        apart = Connect(self.url)  # the user's own engine may have any number of connections
        return AdvisoryLock(one_connection(apart), apart)

    def attributes(self, storage: BaseStorage, study_id: int) -> Mapping[str, object]:
        """Read those by which a search is steered, by one statement."""
        return cast("IncrementalStorage", storage).steering(study_id)

    def look_at_queue(self, storage: BaseStorage, study_id: int) -> Queued:
        """Read the trials that were added, begun or ended since the last look, by the same statement."""
        return Queued(*cast("IncrementalStorage", storage).look(study_id, is_all=False))

    def claim(
        self,
        storage: BaseStorage,
        trials: Iterable[FrozenTrial],
        key: str,
        value: object,
        lock: AbstractContextManager[object],
    ) -> FrozenTrial | None:
        """Claim by one statement; nobody waits for another one."""
        return cast("IncrementalStorage", storage).claim(list(trials), key, value)

    def add_waiting(self, storage: BaseStorage, study_id: int, trials: Sequence[FrozenTrial]) -> None:
        """Add all of them by one statement."""
        cast("IncrementalStorage", storage).add_waiting(study_id, trials)

    def retry(self, call: Callable[[], _Result]) -> _Result:
        """Return `call()`; call it again while the server is away, so it must bear being done twice."""
        return retry(call)

    def without_retry(self, storage: BaseStorage) -> BaseStorage:
        """Return the storage that does not wait: a server that was restarted has forgotten who holds its lock."""
        return storage.once if isinstance(storage, RetryingStorage) else storage

    def _incremental(self, storage: BaseStorage) -> IncrementalStorage:
        return cast("IncrementalStorage", self.without_retry(storage))


def one_connection(connect: "Connect") -> "Engine":
    """Return an engine that connects once, for all threads of this process, when it is first asked."""
    from sqlalchemy import create_engine

    return create_engine(connect.url, **arguments_of(connect))


def arguments_of(connect: "Connect") -> dict[str, Any]:  # Any: of create_engine
    """Return what makes an engine of one connection. Its threads wait for each other, longer than for any answer."""
    return {"creator": connect, "pool_size": 1, "max_overflow": 0, "pool_timeout": 10 * SECONDS_TO_ANSWER}


@dataclass
class Connect:
    """Connects to the server in such a way that nothing is waited for without end."""

    url: str
    is_locked: bool = False  # whether the connection that was made last holds the queue's lock

    def __call__(self) -> object:
        """Return a new connection of the URL's driver. Raises its OperationalError, for a lost lock too."""
        from sqlalchemy import make_url

        url = make_url(self.url)
        kind = url.get_dialect()
        driver = kind.import_dbapi()
        if self.is_locked:  # by a connection that is gone: whoever holds the lock is to hear of it first
            raise driver.OperationalError("the connection was lost that held the lock of the queue")
        args, kwargs = kind().create_connect_args(url)
        if USES_LIBPQ.match(self.url):
            kwargs = {**LIBPQ_ARGUMENTS, **kwargs}
        connect = impatient().connect if driver.__name__ == "psycopg" else driver.connect
        connection = connect(*args, **kwargs)
        connection.cursor().execute(OF_A_SESSION)
        connection.commit()
        return connection


@cache
def impatient() -> Any:  # Any: psycopg need not be installed
    """Return psycopg's connection, ended when a reply stays away that neither server nor network will send again."""
    from psycopg import Connection, OperationalError
    from psycopg.pq import TransactionStatus

    class Impatient(Connection[Any]):
        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            try:
                return super().wait(gen, interval, timeout or SECONDS_TO_REPLY)
            except OperationalError:
                if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                    self.pgconn.finish()
                raise

    return Impatient


def has_tables(engine: "Engine") -> bool:
    """Tell whether Optuna's tables are there, up to the row that is written last."""
    from sqlalchemy import inspect, text

    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return int(connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one()) > 0


class AdvisoryLock:
    """A lock that the server keeps for the only connection of an engine; it goes with that connection.

    It may be entered again and again, by one thread at a time. While it is held, nobody in this process connects
    anew: without the connection the lock is lost, and what is done under it must fail.
    """

    def __init__(self, engine: "Engine", connect: Connect) -> None:
        self._engine, self._connect = engine, connect
        self._thread = threading.Lock()

    def __enter__(self) -> None:
        """Wait for it."""
        self._thread.acquire()
        try:
            with self._engine.connect() as connection:
                self._limit(connection, f"'{SECONDS_TO_HOLD}s'")
                _execute(connection, f"SELECT pg_advisory_lock({LOCK_NUMBER})")
            self._connect.is_locked = True
        except BaseException:
            self._thread.release()
            raise

    def __exit__(self, *_: object) -> None:
        """Let the next one in."""
        self._connect.is_locked = False
        try:
            with self._engine.connect() as connection:
                _execute(connection, f"SELECT pg_advisory_unlock({LOCK_NUMBER})")
                self._limit(connection, "DEFAULT")
        finally:
            self._thread.release()

    def _limit(self, connection: "Connection", seconds: str) -> None:
        """A process that was stopped while it holds the lock loses connection and lock."""
        if (connection.dialect.server_version_info or ()) >= KNOWS_IDLE_SESSION_TIMEOUT:
            _execute(connection, f"SET idle_session_timeout = {seconds}")


def _execute(connection: "Connection", statement: str) -> None:
    from sqlalchemy import text

    connection.execute(text(statement))
    connection.commit()
