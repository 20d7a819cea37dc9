"""The front door: what is done with the records of a search once it has ended."""

from pathlib import Path

from hydra_plugins.hydra_search.errors import NotFound
from hydra_plugins.hydra_search.urls import MASK, missing_variable


def deliver(directory: Path, shown: str) -> None:
    """Send MLflow what it could not take while the search ran; what is sent, and how to look at it, is logged.

    Args:
        directory: the sweep directory.
        shown: the same, as the user has typed it.

    Raises:
        NotFound: it holds no recorded search, the search has not ended, or its server's password is in no file.
        Undelivered: MLflow can't be reached, or did not take everything.
    """
    from ._record import load_search
    from ._search_run import close_search

    directory = directory.absolute()
    try:
        search = load_search(directory)
    except FileNotFoundError:
        raise NotFound(f"{shown!r} holds no recorded search; name a sweep directory") from None
    if search.goes_on():
        raise NotFound(f"the search in {shown!r} has not ended; its own end delivers the records")
    uri = search.settings.tracking_uri
    if MASK in uri or missing_variable(uri):
        name = missing_variable(uri) or "MLFLOW_TRACKING_URI, the whole address,"
        raise NotFound(f"the password of {uri} is kept in no file; set {name} in the environment")
    close_search(search, directory, "KILLED" if search.status == "RUNNING" else search.status)
