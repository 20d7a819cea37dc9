"""The private names of Optuna's storages: each test fails when the name goes, or means something else."""

import random
from pathlib import Path
from threading import Thread

import pytest
from optuna import create_study
from optuna.distributions import FloatDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import JournalStorage, RDBStorage, get_storage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._storage import JournalOperation
from optuna.trial import TrialState

from hydra_plugins.hydra_optuna_async_sweeper.storage._upstream import (
    KEEP_NUMBERS,
    HoldingBackend,
    QuickJournal,
    database_of,
)
from hydra_plugins.hydra_search.studies import journal_lock


def test_journal_hands_out_the_trials_that_optunas_own_does(tmp_path: Path) -> None:
    path, chance = str(tmp_path / "journal"), random.Random(0)
    quick, own = QuickJournal(HoldingBackend(path, journal_lock(Path(path)))), JournalStorage(JournalFileBackend(path))
    with pytest.raises(KeyError):
        quick.get_all_trials(0, deepcopy=False)
    studies = [create_study(storage=chance.choice([quick, own]), study_name=name) for name in "ab"]
    still_open = []
    for number in range(40):
        study = studies[number % 2]
        still_open.append((study, study.ask({"x": FloatDistribution(0, 1)})))
        if number % 3:  # they end in another order than they began
            ending, trial = still_open.pop(chance.randrange(len(still_open)))
            ending.tell(trial, *chance.choice([(0.5,), (None, TrialState.FAIL), (None, TrialState.PRUNED)]))
        still_open[0][1].report(number, number)
        for each in studies:
            expected = own.get_all_trials(each._study_id)
            assert quick.get_all_trials(each._study_id, deepcopy=False) == expected
            assert quick.get_all_trials(each._study_id) == expected
            states = (TrialState.COMPLETE,)
            some = quick.get_all_trials(each._study_id, deepcopy=False, states=states)
            assert some == own.get_all_trials(each._study_id, states=states)
    quick.get_all_trials(studies[0]._study_id, deepcopy=False).clear()
    assert quick.get_all_trials(studies[0]._study_id, deepcopy=False), "each caller has a list of its own"


class Watched(HoldingBackend):
    """A journal file of which one can see what was written."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), journal_lock(path))
        self.path = path

    @property
    def lines(self) -> int:
        return self.path.read_text().count("\n")


@pytest.fixture
def backend(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "journal")


@pytest.fixture
def journal(backend: Watched) -> QuickJournal:
    return QuickJournal(backend)


def test_parameters_that_are_set_together_are_those_that_are_set_one_by_one(
    journal: QuickJournal, backend: Watched
) -> None:
    study = create_study(storage=journal)
    trial, before = study.ask(), backend.lines
    with journal.together():
        for name in "xyz":
            journal.set_trial_param(trial._trial_id, name, 0.5, FloatDistribution(0, 1))
        assert backend.lines == before, "not yet"
    assert backend.lines == before + 3
    seen = JournalStorage(JournalFileBackend(str(backend.path))).get_all_trials(study._study_id)
    assert seen[0].params == {"x": 0.5, "y": 0.5, "z": 0.5}
    assert journal.get_all_trials(study._study_id) == seen


def test_of_operations_that_go_wrong_together_the_first_is_raised_and_the_next_call_is_its_own(
    journal: QuickJournal,
) -> None:
    study = create_study(storage=journal)
    ended, other = study.ask(), study.ask()
    study.tell(ended, 1.0)
    with pytest.raises(UpdateFinishedTrialError), journal.together():
        for name in "xyz":
            journal.set_trial_param(ended._trial_id, name, 0.5, FloatDistribution(0, 1))
    assert other.suggest_float("x", 0, 1) == study.trials[1].params["x"]
    assert study.trials[0].params == {}


def test_block_that_raises_writes_nothing_and_other_threads_write_meanwhile(
    journal: QuickJournal, backend: Watched
) -> None:
    study = create_study(storage=journal)
    trial, before = study.ask(), backend.lines
    with pytest.raises(ZeroDivisionError), journal.together():
        journal.set_trial_param(trial._trial_id, "x", 0.5, FloatDistribution(0, 1))
        beside = Thread(target=journal.set_trial_user_attr, args=(trial._trial_id, "beat", 1))
        beside.start()
        beside.join()
        _ = 1 / 0
    assert backend.lines == before + 1
    assert (study.trials[0].params, study.trials[0].user_attrs) == ({}, {"beat": 1})
    trial.suggest_float("x", 0, 1)
    assert "x" in study.trials[0].params, "what follows is written at once"


def test_database_is_found_below_the_cache(tmp_path: Path) -> None:
    cached = get_storage(f"sqlite:///{tmp_path}/study.db")
    database = database_of(cached)
    assert not isinstance(cached, RDBStorage) and isinstance(database, RDBStorage)
    database.engine.dispose()


def test_operations_of_a_journal_are_those_that_number_and_those_that_do_not() -> None:
    number = {JournalOperation.CREATE_STUDY, JournalOperation.CREATE_TRIAL}
    assert set(JournalOperation) == KEEP_NUMBERS | number and not KEEP_NUMBERS & number
