"""Make the report of a search again, also of one whose process was killed.

python -m hydra_plugins.hydra_search_report SWEEP_DIRECTORY
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.files import JOURNAL, REPORT

from .report import SearchFacts, write_report

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial


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
        trials = read_trials(facts, options.directory, options.storage)
    except LookupError as error:
        parser.error(str(error))
    try:
        write_report(facts, trials, options.directory, status_of(facts, trials))
    except OSError as error:
        parser.exit(1, f"the report can't be written: {error}\n")
    print(options.directory / REPORT)  # noqa: T201  # what was asked for


def read_trials(facts: SearchFacts, directory: Path, url: str | None) -> list["FrozenTrial"]:
    """Return the study's trials by number.

    Args:
        facts: name the study, and the database that it was kept in, unless that has a password.
        directory: the sweep directory, whose journal is read where there is no database.
        url: of the database, where the facts don't name it.

    Raises:
        LookupError: there is no such study, or its database can't be opened.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if url is None and "://" in facts.storage and "***" not in facts.storage:
        url = facts.storage
    journal = directory / JOURNAL
    if url is None and not journal.exists():
        raise LookupError(f"{str(journal)!r} does not exist; name the study's storage with --storage URL")
    storage = _opened(url) if url else JournalStorage(JournalFileBackend(str(journal)))
    try:
        return storage.get_all_trials(storage.get_study_id_from_name(facts.study_name), deepcopy=False)
    except KeyError:
        raise LookupError(f"there is no study {facts.study_name!r} in {url or str(journal)!r}") from None


def status_of(facts: SearchFacts, trials: Sequence["FrozenTrial"]) -> str:
    """Say from the trials alone how far the search is."""
    from hydra_plugins.hydra_search.trials import Outcome, over

    from ._trials import counts

    ended = len(over(trials, facts.max_retries))
    if ended >= facts.n_trials:
        return "complete"
    running = counts(facts, trials).get(Outcome.RUNNING)
    left = f", {running} were running when last seen" if running else ""
    return f"unfinished: {ended} of {facts.n_trials} trials are over{left}"


def _opened(url: str) -> "BaseStorage":
    from optuna.storages import RDBStorage
    from sqlalchemy import NullPool
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return RDBStorage(url, {"poolclass": NullPool})  # keeps no connection
    except (ImportError, SQLAlchemyError, ValueError) as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise LookupError(f"the study's database can't be opened ({reason}); name it with --storage URL") from None


if __name__ == "__main__":
    main(sys.argv[1:])
