"""Make the report of a search again, also of one whose process was killed.

python -m hydra_plugins.hydra_search_report multirun/NAME
"""

import argparse
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Write report.html, trials.csv, summary.md and best.txt from the study and what the search left beside it."""
    from ._facts import SearchFacts
    from ._report import PAGE, write_report
    from ._stored import read_trials, recorded_url, status_of

    parser = argparse.ArgumentParser(prog="python -m hydra_plugins.hydra_search_report", description=main.__doc__)
    parser.add_argument("directory", type=Path, help="the sweep directory, such as multirun/NAME")
    parser.add_argument("--storage", help="URL of the study's database; default: where the search kept it")
    options = parser.parse_args(arguments)
    try:
        facts = SearchFacts.load(options.directory)
    except FileNotFoundError:
        parser.error(f"{str(options.directory)!r} holds no recorded search; name a sweep directory, as multirun/NAME")
    try:
        trials = read_trials(facts.study_name, options.directory, options.storage or recorded_url(facts))
    except LookupError as error:
        parser.error(str(error))
    write_report(facts, trials, options.directory, status_of(facts, trials))
    print(options.directory / PAGE)  # noqa: T201  # what was asked for


if __name__ == "__main__":
    main(sys.argv[1:])
