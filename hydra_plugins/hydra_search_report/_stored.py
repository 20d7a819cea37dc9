"""A study read from its storage, after the search."""

from collections.abc import Sequence
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from ._facts import SearchFacts
from ._trials import state_of

JOURNAL = "optuna_journal.log"


def read_trials(study_name: str, directory: Path, url: str | None = None) -> list[FrozenTrial]:
    """Return the study's trials by number.

    Args:
        study_name: of the study.
        directory: the sweep directory, whose journal is read.
        url: of a database that is read instead.

    Raises:
        LookupError: there is no such study, or its database can't be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = directory / JOURNAL
    if url is None and not journal.exists():
        raise LookupError(f"{str(journal)!r} does not exist; name the study's storage with --storage URL")
    storage = opened(url) if url else JournalStorage(JournalFileBackend(str(journal)))
    try:
        return storage.get_all_trials(storage.get_study_id_from_name(study_name), deepcopy=False)
    except KeyError:
        raise LookupError(f"there is no study {study_name!r} in {url or str(journal)!r}") from None


def opened(url: str) -> BaseStorage:
    """Open a database. Raises LookupError if that can't be done."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return RDBStorage(url)
    except (ImportError, SQLAlchemyError, ValueError) as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise LookupError(f"the study's database can't be opened ({reason}); name it with --storage URL") from None


def recorded_url(facts: SearchFacts) -> str | None:
    """Return the URL of the database in which the search kept its study; None if that has a password, or is a file."""
    return facts.storage if "://" in facts.storage and "***" not in facts.storage else None


def status_of(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> str:
    """Say from the trials alone how far the search is."""
    over = sum(state_of(trial) in ("finished", "pruned", "failed") for trial in trials)
    if over >= facts.n_trials:
        return "complete"
    running = sum(state_of(trial) == "running" for trial in trials)
    left = f", {running} were running when last seen" if running else ""
    return f"unfinished: {over} of {facts.n_trials} trials are over{left}"
