"""Make the report of a search again, also of one whose process was killed.

python -m hydra_plugins.hydra_search_report SWEEP_DIRECTORY
"""

import argparse
import sys
from pathlib import Path

from hydra_plugins.hydra_search.errors import NotFound
from hydra_plugins.hydra_search.files import REPORT
from hydra_plugins.hydra_search.studies import opened, trials_of

from .report import SearchFacts, status_of, write_report


def main(arguments: list[str]) -> None:
    """Write report.html, trials.csv, summary.md and best.txt from the study and what the search left beside it."""
    parser = argparse.ArgumentParser(prog="python -m hydra_plugins.hydra_search_report", description=main.__doc__)
    parser.add_argument("directory", type=Path, help="the sweep directory")
    parser.add_argument("--storage", help="URL of the study's database; default: where the search kept it")
    options = parser.parse_args(arguments)
    try:
        facts = SearchFacts.load(options.directory)
    except (FileNotFoundError, NotADirectoryError):
        parser.error(f"{str(options.directory)!r} holds no recorded search; name the directory of a sweep")
    try:
        with opened(options.storage or facts.place(options.directory)) as storage:
            trials = trials_of(storage, facts.study_name)
    except NotFound as error:
        parser.error(str(error))
    try:
        write_report(facts, trials, options.directory, status_of(facts, trials))
    except OSError as error:
        parser.exit(1, f"the report can't be written: {error}\n")
    print(options.directory / REPORT)  # noqa: T201  # what was asked for


if __name__ == "__main__":
    main(sys.argv[1:])
