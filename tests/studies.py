"""Reads back what a search left in its study, as any Optuna program would."""

from collections.abc import Iterable
from pathlib import Path

from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import NullPool

JOURNAL = "optuna_journal.log"


def trials_of(where: Path | str, name: str = "search") -> list[FrozenTrial]:
    """Return the trials by number; where: a sweep directory with its journal, or a URL. None if there is no study."""
    if isinstance(where, Path) and not (where / JOURNAL).exists():
        return []
    storage: BaseStorage = (
        RDBStorage(where, {"poolclass": NullPool})
        if isinstance(where, str)
        else JournalStorage(JournalFileBackend(str(where / JOURNAL)))
    )
    try:
        return storage.get_all_trials(storage.get_study_id_from_name(name))
    except KeyError:
        return []


def finished(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that count: those that ended, and were not lost."""
    return [trial for trial in trials if trial.state.is_finished() and "lost" not in trial.user_attrs]


def states(trials: Iterable[FrozenTrial]) -> dict[int, str]:
    return {trial.number: trial.state.name for trial in trials}


def running(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.state is TrialState.RUNNING]
