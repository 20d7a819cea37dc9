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
        LookupError: there is no such study.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = directory / JOURNAL
    if url is None and not journal.exists():
        raise LookupError(f"{str(journal)!r} does not exist; name the study's storage with --storage URL")
    storage: BaseStorage = RDBStorage(url) if url else JournalStorage(JournalFileBackend(str(journal)))
    try:
        return storage.get_all_trials(storage.get_study_id_from_name(study_name), deepcopy=False)
    except KeyError:
        raise LookupError(f"there is no study {study_name!r} in {url or str(journal)!r}") from None


def status_of(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> str:
    """Say from the trials alone how far the search is."""
    over = sum(state_of(trial) in ("finished", "pruned", "failed") for trial in trials)
    if over >= facts.n_trials:
        return "complete"
    running = sum(state_of(trial) == "running" for trial in trials)
    left = f", {running} were running when last seen" if running else ""
    return f"unfinished: {over} of {facts.n_trials} trials are over{left}"
