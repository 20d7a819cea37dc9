"""The front door: what is done with the records of a search once it has ended."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.errors import NotFound, Undelivered, one_line
from hydra_plugins.hydra_search.urls import MASK, masked, missing_variable

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from ._record import SearchRecord

PAGE = 1000  # runs in an answer


@dataclass(frozen=True)
class Recorded:
    """What MLflow has of a search."""

    tracking_uri: str  # without a password
    run_id: str  # of the parent run; those of the jobs are below it
    goes_on: bool  # as far as can be seen


def recorded(directory: Path) -> Recorded | None:
    """Return what the record in a sweep directory says; None where there is none, or it is damaged."""
    from ._record import load_search

    try:
        search = load_search(directory)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Recorded(masked(search.settings.tracking_uri), search.run_id, search.goes_on())


def deliver(directory: Path, shown: str) -> None:
    """Send MLflow what it could not take while the search ran; what is sent, and how to look at it, is logged.

    Args:
        directory: the sweep directory.
        shown: the same, as the user has typed it.

    Raises:
        NotFound: it holds no recorded search, the search has not ended, or its server's password is in no file.
        Undelivered: MLflow can't be reached, or did not take everything.
    """
    from ._search_run import close_search

    directory = directory.absolute()
    search = _ended(directory, shown, "its own end delivers the records")
    close_search(search, directory, "KILLED" if search.status == "RUNNING" else search.status)


def delete_runs(directory: Path) -> int:
    """Delete the parent run of a search and those below it in MLflow, which keeps them until `mlflow gc`.

    Returns:
        how many runs that were.

    Raises:
        NotFound: as for `deliver`.
        Undelivered: MLflow can't be reached; what is left can be deleted by calling this again.
    """
    from ._client import connect
    from ._record import records_below

    directory = directory.absolute()
    search, deleted = _ended(directory, str(directory), "its runs are needed"), 0
    parents = [search.run_id] if search.run_id else []  # it may have been killed before it could note the id
    known = [record.run_id for _, record in records_below(directory, search.run_id) if record.run_id]
    try:
        client = connect(search.settings)
        below = list(dict.fromkeys([*_below(client, search.settings.experiment_id, parents), *known]))
        for run_id in [*reversed(below), *parents]:
            deleted += _delete(client, run_id)
    except Exception as error:  # whatever a server or a network raises
        uri = masked(search.settings.tracking_uri)
        raise Undelivered(f"MLflow at {uri} has deleted {deleted} runs, not all: {one_line(error)}") from error
    return deleted


def _ended(directory: Path, shown: str, why: str) -> "SearchRecord":
    from ._record import load_search

    try:
        search = load_search(directory)
    except FileNotFoundError:
        raise NotFound(f"{shown!r} holds no recorded search; name a sweep directory") from None
    if search.goes_on():
        raise NotFound(f"the search in {shown!r} has not ended; {why}")
    uri = search.settings.tracking_uri
    if MASK in uri or missing_variable(uri):
        name = missing_variable(uri) or "MLFLOW_TRACKING_URI, the whole address,"
        raise NotFound(f"the password of {uri} is kept in no file; set {name} in the environment")
    return search


def _below(client: "MlflowClient", experiment_id: str, parents: list[str]) -> Iterator[str]:
    """Yield the runs below these, at any depth, a parent before its children."""
    while parents:
        found = [run_id for parent in parents for run_id in _children(client, experiment_id, parent)]
        yield from found
        parents = found


def _children(client: "MlflowClient", experiment_id: str, parent: str) -> Iterator[str]:
    page: str | None = None
    while True:
        asked = f"tags.`mlflow.parentRunId` = '{parent}'"
        runs = client.search_runs([experiment_id], asked, max_results=PAGE, page_token=page)
        yield from (str(run.info.run_id) for run in runs)
        page = getattr(runs, "token", None)
        if not page:
            return


def _delete(client: "MlflowClient", run_id: str) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        if client.get_run(run_id).info.lifecycle_stage == "deleted":
            return False
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # `mlflow gc` has taken it
            raise
        return False
    client.delete_run(run_id)
    return True
