"""The tracking server or database: found, made if need be, and never waited for longer than seconds."""

import dataclasses
import gc
import logging
import os
import re
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from hydra_plugins.hydra_trial import is_dead_loopback

from ._payload import hide_password, shorten
from ._settings import Settings, stop

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

SCHEMES = ("sqlite", "http", "https", "postgresql", "mysql", "mssql", "databricks", "uc")

# MLflow's own defaults (7 retries, 120 s) block a call to a dead server for minutes, and each job with it.
_BOUNDS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def connect(settings: Settings) -> "MlflowClient":
    """Return a client, and point MLflow's fluent functions in this process to the same place."""
    for name, value in _BOUNDS.items():
        os.environ.setdefault(name, value)
    client = client_of(settings.tracking_uri)
    import mlflow

    mlflow.set_tracking_uri(settings.tracking_uri)
    return client


@cache
def client_of(tracking_uri: str) -> "MlflowClient":
    """Return the one client of this process for a store.

    The garbage collector does not walk the several 100,000 objects that come with MLflow: they live until the process
    ends, and would cost it a quarter of the import's time and nearly a second at exit.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        import mlflow

        for chatty in ("alembic", "mlflow.store.db.utils"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        return mlflow.MlflowClient(tracking_uri)
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


def open_experiment(settings: Settings) -> Settings:
    """Return the settings with an absolute URI and the experiment's id; ends the program if it can't be had."""
    settings = dataclasses.replace(settings, tracking_uri=absolute_uri(settings.tracking_uri))
    with reaching(settings), database_lock(settings.tracking_uri):
        experiment_id = _experiment_id(connect(settings), settings.experiment_name)
    return dataclasses.replace(settings, experiment_id=experiment_id)


@contextmanager
def reaching(settings: Settings) -> Iterator[None]:
    """End the program with one message if what is done inside can't reach the server or the database."""
    try:
        yield
    except Exception as error:  # whatever a database driver or the network raises: told, and the program ends
        uri, reason = hide_password(settings.tracking_uri), hide_password(str(error).strip() or type(error).__name__)
        stop(
            f"mlflow.tracking_uri={uri!r} can't be used: {shorten(reason.splitlines()[0], 300)}\n"
            "Start the server, correct the URI (also MLFLOW_TRACKING_URI), or record nothing with mlflow=off."
        )


def absolute_uri(uri: str) -> str:
    """Make a SQLite file absolute, since jobs may change the directory; refuse what MLflow would misread."""
    scheme, separator, rest = uri.partition("://")
    if not separator and uri in ("databricks", "uc"):
        return uri
    if not separator or scheme.split("+")[0] not in SCHEMES:
        stop(
            f"mlflow.tracking_uri must start with one of {', '.join(f'{s}://' for s in SCHEMES)}; "
            f"got {hide_password(uri)!r}. For a local file: sqlite:///mlflow.db"
        )
    if scheme != "sqlite":
        return uri
    if not rest.startswith("/") or rest == "/":
        stop(f"mlflow.tracking_uri needs three slashes before a SQLite file; got {uri!r}, e.g. sqlite:///mlflow.db")
    path, mark, query = rest[1:].partition("?")
    return f"sqlite:///{Path(path).expanduser().absolute()}{mark}{query}"


def database_lock(uri: str) -> AbstractContextManager[object]:
    """Return the lock under which a SQLite file is made: two processes that make one at once ruin it."""
    path = sqlite_file(uri)
    if path is None:
        return nullcontext()
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(f"{path}.lock", timeout=120)


def check_file_is_here(uri: str) -> None:
    """Raise ValueError if the store is a SQLite file that this machine does not have."""
    path = sqlite_file(uri)
    if path is not None and not path.exists():
        raise ValueError(
            f"mlflow.tracking_uri: must be where all workers reach it, got {uri}, which is not there on "
            f"{socket.gethostname()}. Put it on a shared disk, or start a server: mlflow=server mlflow.tracking_uri=http://..."
        )


def check_not_left_behind(uri: str) -> None:
    """Raise ValueError if the URI names the machine where the sweep was started by an address such as 127.0.0.1."""
    if is_dead_loopback(uri):
        raise ValueError(
            f"mlflow.tracking_uri: must be an address that all workers reach, got {hide_password(uri)}, where nobody "
            f"answers on {socket.gethostname()}. Write the name of the server's machine."
        )


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite store; None for others, and for a database in memory."""
    match = re.match(r"sqlite:///(.+?)(\?|$)", uri)
    return Path(match[1]) if match else None


def ui_command(settings: Settings) -> str:
    """Return how to look at the runs: the address of a server, or the command that serves a database."""
    if settings.tracking_uri.startswith("http"):
        return f"{settings.tracking_uri.rstrip('/')}/#/experiments/{settings.experiment_id}"
    here = f"{Path.cwd()}/"
    return f"mlflow ui --backend-store-uri {hide_password(settings.tracking_uri).replace(here, '', 1)}"


def _experiment_id(client: "MlflowClient", name: str) -> str:
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return client.create_experiment(name)
        except MlflowException:
            # Another process may have made it between the two calls; if not, it is our error.
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage != "active":
        stop(
            f"mlflow.experiment_name={name!r} was deleted on the tracking server. Restore it with "
            f"`mlflow experiments restore --experiment-id {experiment.experiment_id}`, or use another name."
        )
    return str(experiment.experiment_id)
