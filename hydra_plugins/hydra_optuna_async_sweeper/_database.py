"""A study in a database server: is it there, and who may write now?"""

import re
from types import TracebackType
from typing import TYPE_CHECKING

from ._search_space import bad_input

if TYPE_CHECKING:
    from sqlalchemy import Connection  # a fifth of a second, which a search with a journal need not wait

SECONDS_TO_CONNECT = 10
LOCK_NUMBER = 4_786_205_121  # any number, the same for all processes
# Of a machine that was switched off, the server would hear nothing for hours.
SECONDS_TO_HOLD = 60
KNOW_CONNECT_TIMEOUT = re.compile(r"(postgresql(\+psycopg2?)?|mysql(\+(pymysql|mysqldb))?)://")


def check_reachable(key: str, url: str) -> None:
    """Connect once, and leave.

    Raises:
        BadInput: there is no driver for it, nobody answers, or we are not let in. `key` is the setting to name.
    """
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.exc import SQLAlchemyError

    limit = {"connect_timeout": SECONDS_TO_CONNECT} if KNOW_CONNECT_TIMEOUT.match(url) else {}
    try:
        create_engine(url, poolclass=NullPool, connect_args=limit).connect().close()
    except ImportError as error:
        remedy = "For PostgreSQL: pip install 'psycopg[binary]', and write postgresql+psycopg://..."
        raise bad_input(key, masked(url), f"its database driver is not installed ({error})", remedy) from None
    except (SQLAlchemyError, ValueError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        remedy = "Write postgresql+psycopg://user:password@host:port/database, and see that the server runs."
        raise bad_input(key, masked(url), f"can't be opened ({reason})", remedy) from None


def masked(text: str) -> str:
    """Hide the passwords of the URLs in a text; they may hold any character but white space."""
    return re.sub(r"([?&]password=)[^&\s]*", r"\1***", re.sub(r"(://[^:/@\s]*:)(?!\d+/)\S*@", r"\1***@", text))


class PostgresLock:
    """A lock that the server keeps, for workers that may have no common disk; it goes with the connection."""

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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let the next one in."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
