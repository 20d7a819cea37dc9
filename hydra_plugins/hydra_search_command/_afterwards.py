"""`report` and `deliver`: what a search leaves undone when its process is killed, or its MLflow server is away."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.errors import NotFound, Undelivered
from hydra_plugins.hydra_search.files import BEST, REPORT, SEARCH_RECORD, SUMMARY, TABLE

from ._found import Found, add_search, directory_of_search, found
from ._output import add_json, say, say_json

if TYPE_CHECKING:
    from hydra_plugins.hydra_search_report.report import SearchFacts

    from ._output import Verbs


def add(verbs: "Verbs") -> None:
    """Add both."""
    text = f"write {REPORT}, {TABLE}, {SUMMARY} and {BEST} of a search again"
    report = verbs.add_parser("report", help=text, description=text)
    add_search(report)
    add_json(report)
    report.set_defaults(run=_report)
    text = "send MLflow the records that it could not take while the search ran"
    deliver = verbs.add_parser("deliver", help=text, description=text)
    add_search(deliver)
    add_json(deliver)
    deliver.set_defaults(run=_deliver)


def _report(options: argparse.Namespace) -> int:
    from hydra_plugins.hydra_search_report.report import status_of, write_report

    from ._state import RUNNING, State

    with found(options.search, options.storage) as search:
        directory, facts = _recorded(search)
        state = State.of(search)
        trials, status = state.trials, RUNNING if state.is_running() else status_of(facts, state.trials)
    try:
        write_report(facts, trials, directory, status)
    except OSError as error:
        sys.stderr.write(f"the report can't be written: {error}\n")
        return 1
    path = directory / REPORT
    if options.json:
        say_json({"study_name": facts.study_name, "report": str(path)})
    else:
        say(str(path))
    return 0


def _recorded(search: Found) -> tuple[Path, "SearchFacts"]:
    if search.directory is None:
        raise NotFound(_unknown(search))
    if search.facts is None:
        place = str(search.directory)
        raise NotFound(f"{place!r} holds no recorded search: it was run without hydra.sweeper.report, or elsewhere")
    return search.directory, search.facts


def _unknown(search: Found) -> str:
    return f"the sweep directory of {search.study_name!r} is not known here; name it in place of the study"


def _deliver(options: argparse.Namespace) -> int:
    import logging

    from hydra_plugins.hydra_mlflow_callback.afterwards import deliver

    known = directory_of_search(options.search, named=options.storage is not None)
    if options.storage is not None:
        with found(options.search, options.storage) as search:
            if search.directory is None:
                raise NotFound(_unknown(search))
    if known and not (known / SEARCH_RECORD).is_file():
        raise NotFound(f"{options.search!r} was not recorded in MLflow, so there is nothing to deliver")
    directory = known or Path(options.search)
    stream = sys.stderr if options.json else sys.stdout
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=stream)
    try:
        deliver(directory, options.search)
    except Undelivered as undelivered:
        sys.stderr.write(f"{undelivered}\n")
        return 1
    if options.json:
        say_json({"directory": str(directory), "delivered": True})
    return 0
