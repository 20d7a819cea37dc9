"""Deliver the records of a search that MLflow could not take while it ran.

python -m hydra_plugins.hydra_mlflow_callback SWEEP_DIRECTORY
"""

import argparse
import logging
import sys
from pathlib import Path

from hydra_plugins.hydra_search.errors import SearchError

from .afterwards import deliver


def main(arguments: list[str]) -> None:
    """Send what is not sent yet, from the sweep directory that the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    parser = argparse.ArgumentParser(prog="python -m hydra_plugins.hydra_mlflow_callback", description=main.__doc__)
    parser.add_argument("directory", metavar="SWEEP_DIRECTORY", help="the sweep directory")
    given: str = parser.parse_args(arguments).directory
    try:
        deliver(Path(given), given)
    except SearchError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main(sys.argv[1:])
