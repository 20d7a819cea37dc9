"""Whether MLflow answers: errors told apart, a request sent once only, a server left alone that does not answer."""

import errno
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

from hydra_plugins.hydra_search.errors import SearchError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# A server that has not answered is left alone for so long, then asked for a sign of life; twice as long each time.
FIRST_PAUSE, LONGEST_PAUSE = 15.0, 240.0
SECONDS_FOR_A_SIGN = 3.0

# A server far away answers several requests in the time of one. In a database one waits for the other.
REQUESTS_AT_A_TIME = 4

# How MLflow and its stores say that they will never take a thing. 404 and 405 may be a proxy's that has just begun.
_REFUSALS = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS")
_REFUSING_STATUS = (400, 413, 414, 422, 431)

_Item = TypeVar("_Item")


def is_database(tracking_uri: str) -> bool:
    """Tell whether this process writes into the store itself, without a server between."""
    return "://" in tracking_uri and not tracking_uri.startswith("http")


def is_sqlite(tracking_uri: str) -> bool:
    """Tell whether the store is a file, to which nothing is far."""
    return tracking_uri.startswith("sqlite")


_writing = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_writing.acquire, after_in_parent=_writing.release, after_in_child=_writing.release)


def beside_a_job(tracking_uri: str) -> AbstractContextManager[object]:
    """Return what a thread holds while it writes: to a file, a job that forks waits for that.

    SQLite's own locks would be copied as they are, and whatever the child does with SQLite wait for them for ever.
    """
    return _writing if is_sqlite(tracking_uri) else nullcontext()


class RunGone(SearchError):
    """Somebody has deleted a run that was to be written to."""


def is_refused(error: BaseException) -> bool:
    """Tell whether the thing itself is at fault and would be refused again; else the server, or the way to it, is."""
    from mlflow.exceptions import MlflowException
    from requests import HTTPError

    if isinstance(error, MlflowException):
        return error.error_code in _REFUSALS
    if isinstance(error, HTTPError):
        return error.response is not None and error.response.status_code in _REFUSING_STATUS
    if isinstance(error, OSError):
        return error.errno == errno.ENAMETOOLONG
    # What can't be written as a request. An answer that can't be read comes from something else than MLflow.
    return isinstance(error, (ValueError, TypeError, OverflowError)) and not isinstance(error, json.JSONDecodeError)


def is_there(client: "MlflowClient", run_id: str) -> bool:
    """Ask the store for a run, and tell whether it answers at all."""
    try:
        with _patience(retries=1, seconds=SECONDS_FOR_A_SIGN):  # a connection may have been idle for too long
            client.get_run(run_id)
    except Exception as error:  # whatever a database driver or the network raises
        return is_refused(error)
    return True


def is_gone(client: "MlflowClient", run_id: str) -> bool:
    """Tell whether somebody has deleted a run, for good or not. Raises what the store raises that does not answer."""
    return living_run(client, run_id) is None


def living_run(client: "MlflowClient", run_id: str) -> "Run | None":
    """Return the run, None if somebody has deleted it. Raises as `is_gone`."""
    from mlflow.entities import LifecycleStage
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    return None if run.info.lifecycle_stage == LifecycleStage.DELETED else run


def made_once(find: Callable[[], _Item | None], make: Callable[[], _Item]) -> _Item:
    """Return what `make` makes on the server, though its answer may be lost: it is looked for before it is made again.

    MLflow's client sends again whatever was not answered, and a run that was made is made once more by that.
    """
    try:
        with _patience(retries=0):
            return make()
    except Exception as error:  # whatever a database driver or the network raises
        if is_refused(error):
            raise
    found = find()
    if found is not None:
        return found
    with _patience(retries=0):
        return make()


_environment = threading.Lock()


@contextmanager
def _patience(retries: int, seconds: float | None = None) -> Iterator[None]:
    """Bound what MLflow's client does inside; it reads the environment at each request and has no argument for it."""
    wanted = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(retries)}
    if seconds is not None:
        wanted["MLFLOW_HTTP_REQUEST_TIMEOUT"] = f"{seconds:.0f}"
    with _environment:
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update(wanted)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


class Breaker:
    """Keeps jobs from waiting, one after another, for a server that has not answered the one before."""

    def __init__(self, tracking_uri: str) -> None:
        self.tracking_uri = tracking_uri
        self._pause = 0.0
        self._until = 0.0

    def is_open(self) -> bool:
        """Tell whether the server is to be left alone; after a pause only its sign of life ends that."""
        if not self._pause:
            return False
        if time.monotonic() >= self._until and self._has_answered():
            self._pause = 0.0
        elif time.monotonic() >= self._until:
            self.trip()
        return self._pause > 0

    def note(self, error: Exception) -> None:
        """Take note of what a request has raised: the server has refused it, or has not answered."""
        if not is_refused(error) and not isinstance(error, RunGone):
            self.trip()

    def trip(self) -> None:
        """Leave the server alone for a while."""
        self._pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * self._pause))
        self._until = time.monotonic() + self._pause

    def _has_answered(self) -> bool:
        """Ask a server whether it is well; a database can only be tried in earnest."""
        if not self.tracking_uri.startswith("http"):
            return True
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request

        try:
            where = get_default_host_creds(self.tracking_uri)  # type: ignore[no-untyped-call]
            answer = http_request(  # type: ignore[no-untyped-call]
                where, "/health", "GET", max_retries=0, timeout=SECONDS_FOR_A_SIGN, raise_on_status=False
            )
        except Exception:  # whatever the network raises: that is the answer
            return False
        return bool(answer.status_code < 500)


_breakers: dict[str, Breaker] = {}


def breaker_of(tracking_uri: str) -> Breaker:
    """Return the breaker of this process for a store."""
    return _breakers.setdefault(tracking_uri, Breaker(tracking_uri))
