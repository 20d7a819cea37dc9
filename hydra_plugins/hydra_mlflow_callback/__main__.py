"""Deliver the records of a search that MLflow could not take while it ran.

python -m hydra_plugins.hydra_mlflow_callback SWEEP_DIRECTORY
"""

import logging
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Send what is not sent yet, from the sweep directory that the command line names."""
    from ._record import load_search
    from ._search_run import Undelivered, close_search

    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    if len(arguments) != 1:
        raise SystemExit("usage: python -m hydra_plugins.hydra_mlflow_callback SWEEP_DIRECTORY")
    directory = Path(arguments[0]).absolute()
    try:
        search = load_search(directory)
    except FileNotFoundError:
        text = f"{arguments[0]!r} holds no recorded search; name a sweep directory"
        raise SystemExit(text) from None
    if search.status == "RUNNING":
        raise SystemExit(f"the search in {arguments[0]!r} has not ended; its own end delivers the records")
    try:
        close_search(search, directory, search.status)
    except Undelivered as undelivered:
        raise SystemExit(str(undelivered)) from None


if __name__ == "__main__":
    main(sys.argv[1:])
