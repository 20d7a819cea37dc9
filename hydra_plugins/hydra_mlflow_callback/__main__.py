"""Deliver the records of a search that MLflow could not take while it ran.

python -m hydra_plugins.hydra_mlflow_callback SWEEP_DIRECTORY
"""

import argparse
import logging
import sys
from pathlib import Path

from hydra_plugins.hydra_search.urls import MASK, missing_variable


def main(arguments: list[str]) -> None:
    """Send what is not sent yet, from the sweep directory that the command line names."""
    from ._record import load_search
    from ._search_run import Undelivered, close_search

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    parser = argparse.ArgumentParser(prog="python -m hydra_plugins.hydra_mlflow_callback", description=main.__doc__)
    parser.add_argument("directory", metavar="SWEEP_DIRECTORY", help="the sweep directory")
    given: str = parser.parse_args(arguments).directory
    directory = Path(given).absolute()
    try:
        search = load_search(directory)
    except FileNotFoundError:
        text = f"{given!r} holds no recorded search; name a sweep directory"
        raise SystemExit(text) from None
    if search.status == "RUNNING":
        raise SystemExit(f"the search in {given!r} has not ended; its own end delivers the records")
    uri = search.settings.tracking_uri
    if MASK in uri or missing_variable(uri):
        name = missing_variable(uri) or "MLFLOW_TRACKING_URI, the whole address,"
        raise SystemExit(f"the password of {uri} is kept in no file; set {name} in the environment")
    try:
        close_search(search, directory, search.status)
    except Undelivered as undelivered:
        raise SystemExit(str(undelivered)) from None


if __name__ == "__main__":
    main(sys.argv[1:])
