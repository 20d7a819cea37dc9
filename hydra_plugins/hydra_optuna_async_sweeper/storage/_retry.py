"""Waits for a database that does not answer for a while: a server that is restarted, a SQLite file that is locked."""

import logging
import sqlite3
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage

from hydra_plugins.hydra_search.errors import DatabaseGone

LONGEST_OUTAGE, LONGEST_WAIT = 600.0, 5.0  # seconds
LONGEST_OUTAGE_AT_END = 10.0  # while a search that was interrupted ends
# The methods that take a trial's id: a KeyError means that a crashed server had acknowledged more than it had kept.
OF_ONE_TRIAL = (
    "get_trial", "set_trial_param", "set_trial_state_values", "set_trial_intermediate_value", "set_trial_user_attr",
    "set_trial_system_attr",
)  # fmt: skip
SQLITE_IS_BUSY = (5, 6)  # SQLITE_BUSY, SQLITE_LOCKED: https://www.sqlite.org/rescode.html

log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class TrialForgotten(UpdateFinishedTrialError):
    """The trial is not in the database any more: for whoever works on it, as one that somebody else has closed."""


def retry(call: Callable[[], _Result]) -> _Result:
    """Return `call()`; call it again while the database server is away.

    What is called may have been done though its answer was lost, so it must bear being done twice. Inside the handling
    of Ctrl-C or SIGTERM there is not much waiting: who ends a search wants it to end.

    Raises:
        DatabaseGone: the server stays away.
    """
    gone_at, wait = None, 0.25
    is_ending = isinstance(sys.exc_info()[1], (KeyboardInterrupt, SystemExit))
    longest = LONGEST_OUTAGE_AT_END if is_ending else LONGEST_OUTAGE
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
            if time.monotonic() - gone_at > longest:
                raise DatabaseGone(f"The study's database stays away for {longest:.0f} s: {reason}") from error
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        else:
            if gone_at is not None:
                log.info(f"The study's database is back after {time.monotonic() - gone_at:.0f} s.")
            return result


def outage(error: BaseException) -> str | None:
    """Return what the driver says if this error tells that the server is away; None for every other error."""
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, PendingRollbackError
    from sqlalchemy.exc import TimeoutError as NoConnection

    cause = error.__cause__ if isinstance(error, StorageInternalError) else error
    if isinstance(cause, PendingRollbackError):  # Optuna goes on with the session once, after such an error
        return "the connection was lost"
    if isinstance(cause, NoConnection):
        return "another thread of this process waits for an answer"
    if not isinstance(cause, DBAPIError):
        return None
    if isinstance(cause.orig, sqlite3.Error):  # a full disk, for example, is not waited for
        is_busy = getattr(cause.orig, "sqlite_errorcode", 0) & 0xFF in SQLITE_IS_BUSY
        return str(cause.orig) if is_busy else None
    is_outage = isinstance(cause, (OperationalError, InterfaceError)) or cause.connection_invalidated
    return str(cause.orig).partition("\n")[0] if is_outage else None


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
