"""A study in a database server that is restarted: whoever needs it waits, and goes on with what is left."""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage

log = logging.getLogger(__name__)

SECONDS_OF_PATIENCE = 600.0
LONGEST_WAIT = 5.0

_Result = TypeVar("_Result")


class DatabaseGone(Exception):
    """The database server has not come back in time."""


class TrialForgotten(UpdateFinishedTrialError):
    """The trial is not in the database any more: given up, as one that somebody else has closed."""


def patiently(call: Callable[[], _Result]) -> _Result:
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
            if time.monotonic() - gone_at > SECONDS_OF_PATIENCE:
                raise DatabaseGone(
                    f"The study's database stays away for {SECONDS_OF_PATIENCE / 60:.0f} minutes: {reason}"
                ) from error
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


def _patient(name: str) -> Callable[..., Any]:  # Any: each method's own
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return patiently(lambda: getattr(self.impatient, name)(*args, **kwargs))

    def method_of_trial(self: Any, trial_id: int, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, trial_id, *args, **kwargs)
        except KeyError as error:  # the server crashed, and had acknowledged more than it had written down
            raise TrialForgotten(f"The database has forgotten the trial with the id {trial_id}.") from error

    return method_of_trial if name == "get_trial" or name.startswith("set_trial_") else method


def patient(storage: BaseStorage) -> BaseStorage:
    """Wrap a storage so that each of its methods waits for the server. `impatient` is the storage itself."""
    made = _PatientStorage()
    made.impatient = storage
    return cast("BaseStorage", made)


_METHODS = [name for name in dir(BaseStorage) if not name.startswith("_")]
_PatientStorage = type("PatientStorage", (BaseStorage,), {name: _patient(name) for name in _METHODS})
