"""The tracking server or database: found, made if need be, and never waited for longer than seconds."""

import dataclasses
import gc
import logging
import os
import re
import shlex
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from filelock import FileLock

from hydra_plugins.hydra_search.commands import interpreter
from hydra_plugins.hydra_search.errors import BadInput, SearchError, bad_input
from hydra_plugins.hydra_search.urls import is_dead_loopback, masked, missing_variable, without_user
from hydra_plugins.hydra_search.waiting import said_if_slow

from ._payload import shorten
from .config import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

SCHEMES = ("sqlite", "http", "https", "postgresql", "mysql", "mssql", "databricks", "uc")

# MLflow's own defaults (7 retries, 120 s) block a call to a dead server for minutes, and whoever waits for it.
_BOUNDS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_POOL_MAXSIZE": "32",  # connections that are kept: more than are sent at a time
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def connect(settings: Settings) -> "MlflowClient":
    """Return a client, and point MLflow's fluent functions in this process to the same place."""
    point_to(settings)
    return client_of(settings.tracking_uri)


def point_to(settings: Settings) -> None:
    """Point MLflow's fluent functions in this process to the store, which need not answer for that."""
    for name, value in _BOUNDS.items():
        os.environ.setdefault(name, value)
    with nullcontext() if "mlflow" in sys.modules else _uncollected():
        import mlflow
    mlflow.set_tracking_uri(settings.tracking_uri)


def client_for(settings: Settings) -> "MlflowClient":
    """Return the same client, and leave the fluent functions alone: a job may have pointed them elsewhere."""
    return client_of(settings.tracking_uri)


@cache
def client_of(tracking_uri: str) -> "MlflowClient":
    """Return the one client of this process for a store. Tests put their own here."""
    import mlflow

    for chatty in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return mlflow.MlflowClient(tracking_uri)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the collector from what comes with MLflow, which lives until the process ends.

    Import and exit take 1.1 s instead of 1.8 s (medians of 5 alternating runs, MLflow 3.17).
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def open_experiment(settings: Settings) -> Settings:
    """Return the settings with an absolute URI and the experiment's id. Raises BadInput if it can't be had."""
    settings = dataclasses.replace(settings, tracking_uri=absolute_uri(settings))
    with said_if_slow("Importing MLflow"), _uncollected():
        import mlflow  # noqa: F401  # so that what follows is the connection alone
    with (
        reaching(settings),
        said_if_slow(f"Connecting to MLflow at {masked(settings.tracking_uri)}"),
        database_lock(settings.tracking_uri),
        _uncollected(),  # a new file takes .75 s instead of 1.06
    ):
        experiment_id = _experiment_id(connect(settings), settings)
    return dataclasses.replace(settings, experiment_id=experiment_id)


@contextmanager
def reaching(settings: Settings) -> Iterator[None]:
    """Raise BadInput if what is done inside can't reach the server or the database."""
    try:
        yield
    except SearchError:
        raise
    except Exception as error:  # whatever a database driver or the network raises
        reason = masked(str(error).strip() or type(error).__name__).splitlines()[0]
        if "mlflow db upgrade" in reason:  # MLflow has no other mark of a database of another version
            raise _of_another_version(settings) from error
        remedy = "Start the server, correct the URI (also MLFLOW_TRACKING_URI), "
        remedy += f"or set {settings.source('enabled')}=false to record nothing."
        rule = f"can't be used ({shorten(reason, 300)})"
        raise bad_input(settings.named("tracking_uri"), masked(settings.tracking_uri), rule, remedy) from error


def _of_another_version(settings: Settings) -> BadInput:
    uri = masked(settings.tracking_uri)
    remedy = f"Make a copy of it, then: {mlflow_command()} db upgrade {shlex.quote(uri)}"
    rule = f"is of another version than the installed MLflow {metadata.version('mlflow')}"
    return bad_input(settings.named("tracking_uri"), uri, rule, remedy)


def absolute_uri(settings: Settings) -> str:
    """Return the tracking URI, a SQLite file made absolute, since jobs may change the directory.

    Raises:
        BadInput: MLflow would misread it.
    """
    uri, name, example = settings.tracking_uri, settings.named("tracking_uri"), "For a local file: sqlite:///mlflow.db"
    scheme, separator, rest = uri.partition("://")
    if not separator and uri in ("databricks", "uc"):
        return uri
    if not separator or scheme.split("+")[0] not in SCHEMES:
        raise bad_input(name, masked(uri), f"must start with one of {', '.join(f'{s}://' for s in SCHEMES)}", example)
    if scheme != "sqlite":
        return uri
    if not rest.startswith("/") or rest == "/":
        raise bad_input(name, uri, "needs three slashes before a SQLite file", example)
    path, mark, query = rest[1:].partition("?")
    return f"sqlite:///{Path(path).expanduser().absolute()}{mark}{query}"


def database_lock(uri: str) -> AbstractContextManager[object]:
    """Return the lock under which a SQLite file is made: two processes that make one at once ruin it."""
    path = _sqlite_file(uri)
    if path is None:
        return nullcontext()
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".writable-", dir=path.parent):  # else a lock that can't be made is waited for
        pass
    return FileLock(f"{path}.lock", timeout=120)


def check_worker(settings: Settings, *, elsewhere: bool) -> None:
    """Raise BadInput if this machine lacks the SQLite file, or is `elsewhere` than the one a loopback address means."""
    name, uri, host = settings.named("tracking_uri"), settings.tracking_uri, socket.gethostname()
    variable = missing_variable(uri)
    if variable:
        rule = f"each worker takes its password from its own environment, and {variable} is not set on {host}"
        raise bad_input(name, uri, rule, "Set it there.")
    path = _sqlite_file(uri)
    if path is not None and not path.exists():
        remedy = (
            f"Put it on a shared disk, or start a server and set {settings.source('tracking_uri')}=http://HOST:PORT."
        )
        raise bad_input(name, f"{uri}, which is not there on {host}", "must be where all workers reach it", remedy)
    if elsewhere and is_dead_loopback(uri):
        rule, remedy = "must be an address that all workers reach", "Write the name of the server's machine."
        raise bad_input(name, f"{masked(uri)}, where nobody answers on {host}", rule, remedy)


def _sqlite_file(uri: str) -> Path | None:
    match = re.match(r"sqlite:///(.+?)(\?|$)", uri)
    return Path(match[1]) if match else None


def mlflow_command() -> str:
    """Return how this very MLflow is called: by its name only where the shell finds it, in an active environment."""
    found = shutil.which("mlflow")
    if found and Path(found).parent == Path(sys.executable).parent:
        return "mlflow"
    return f"{shlex.quote(interpreter())} -m mlflow"


def ui_command(settings: Settings) -> str:
    """Return how to look at the runs: the address of a server, or the command that serves a database."""
    if settings.tracking_uri.startswith("http"):
        return f"{without_user(settings.tracking_uri).rstrip('/')}/#/experiments/{settings.experiment_id}"
    return f"{mlflow_command()} ui --backend-store-uri {shlex.quote(masked(settings.tracking_uri))}"


def _experiment_id(client: "MlflowClient", settings: Settings) -> str:
    experiment = _experiment_named(client, settings.experiment_name)
    check_active(experiment, settings)
    return str(experiment.experiment_id)


def check_active(experiment: "Experiment", settings: Settings) -> None:
    """Refuse, by BadInput, an experiment that somebody has deleted."""
    if experiment.lifecycle_stage != "active":
        restore = f"{mlflow_command()} experiments restore --experiment-id {experiment.experiment_id}"
        restore = f"MLFLOW_TRACKING_URI={shlex.quote(masked(settings.tracking_uri))} {restore}"
        remedy = f"Restore it with `{restore}`, or use another name."
        name = settings.experiment_name
        raise bad_input(settings.named("experiment_name"), name, "was deleted on the tracking server", remedy)


def living_experiment(client: "MlflowClient", settings: Settings) -> Settings:
    """Return the settings with an experiment that is there: its own, or `NAME-2` where somebody has deleted that.

    MLflow keeps the name of a deleted experiment, and to restore it would bring back what else was deleted with it.
    """
    found, n = _experiment_named(client, settings.experiment_name), 2
    while found.lifecycle_stage != "active":
        found, n = _experiment_named(client, f"{settings.experiment_name}-{n}"), n + 1
    return dataclasses.replace(settings, experiment_id=str(found.experiment_id))


def _experiment_named(client: "MlflowClient", name: str) -> "Experiment":
    from mlflow.entities import Experiment, LifecycleStage
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return experiment
    try:
        return Experiment(client.create_experiment(name), name, "", LifecycleStage.ACTIVE)
    except MlflowException:
        experiment = client.get_experiment_by_name(name)  # another process may have made it between the two calls
        if experiment is None:
            raise
        return experiment
