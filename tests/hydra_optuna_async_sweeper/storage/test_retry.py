"""What is waited for, and what is not."""

import copy
import inspect
import pickle
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from hydra_plugins.hydra_optuna_async_sweeper.storage import _retry
from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import database_at
from hydra_plugins.hydra_optuna_async_sweeper.storage._retry import OF_ONE_TRIAL, RetryingStorage, TrialForgotten, retry
from hydra_plugins.hydra_search import studies
from hydra_plugins.hydra_search.errors import DatabaseGone
from tests.sweeps import opened_below


def refused() -> OperationalError:
    return OperationalError("select 1", {}, Exception("connection refused\nIs the server running?"))


def test_call_is_made_again_until_the_server_is_back(caplog: pytest.LogCaptureFixture) -> None:
    inside = StorageInternalError("during the commit")
    inside.__cause__ = refused()
    answers: list[Exception | int] = [refused(), inside, 5]

    def call() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    caplog.set_level("INFO")
    assert retry(call) == 5
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert caplog.messages[0] == "The study's database can't be reached, waiting for it: connection refused"


def test_server_that_stays_away_is_given_up_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_retry, "LONGEST_OUTAGE", 0.1)

    def call() -> None:
        raise refused()

    with pytest.raises(DatabaseGone, match="connection refused"):
        retry(call)


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_search_that_was_told_to_end_does_not_wait_long(
    monkeypatch: pytest.MonkeyPatch, end: type[BaseException]
) -> None:
    monkeypatch.setattr(_retry, "LONGEST_OUTAGE_AT_END", 0.1)

    def call() -> None:
        raise refused()

    with pytest.raises(DatabaseGone):
        try:
            raise end
        finally:
            retry(call)


@pytest.mark.parametrize(
    "error", [IntegrityError("insert", {}, Exception("twice")), StorageInternalError("no cause"), KeyError()]
)
def test_other_errors_are_not_waited_for(error: Exception) -> None:
    calls = []

    def call() -> None:
        calls.append(1)
        raise error

    with pytest.raises(type(error)):
        retry(call)
    assert len(calls) == 1


def test_trial_that_the_database_has_forgotten_is_given_up_and_a_missing_study_is_not(tmp_path: Path) -> None:
    with database_at(f"sqlite:///{tmp_path}/study.db").opened() as storage:
        with pytest.raises(TrialForgotten, match="the trial with the id 7"):
            storage.set_trial_user_attr(7, "beat", 1.0)
        with pytest.raises(TrialForgotten):
            storage.get_trial(trial_id=7)
        with pytest.raises(KeyError):
            storage.get_study_id_from_name("absent")


def test_methods_of_one_trial_are_all_that_optuna_demands_of_a_storage() -> None:
    demanded = {name: inspect.signature(getattr(BaseStorage, name)) for name in BaseStorage.__abstractmethods__}
    assert set(OF_ONE_TRIAL) == {name for name, signature in demanded.items() if "trial_id" in signature.parameters}


@pytest.mark.parametrize("again", [copy.deepcopy, lambda storage: pickle.loads(pickle.dumps(storage))])
def test_copy_of_a_storage_that_waits_reads_the_same_study(
    tmp_path: Path, again: Callable[[BaseStorage], BaseStorage]
) -> None:
    database = database_at(f"sqlite:///{tmp_path}/study.db")
    with database.opened() as storage:
        study_id = storage.create_new_study([], "s")
        other = again(storage)
        assert isinstance(other, RetryingStorage) and other.get_study_id_from_name("s") == study_id
        database.close(other)


def test_locked_sqlite_file_is_waited_for_longer_than_its_driver_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(studies, "SECONDS_OF_A_LOCK", 0.05)
    with database_at(f"sqlite:///{tmp_path}/study.db").opened() as storage:
        study_id = storage.create_new_study([], "s")
        with closing(sqlite3.connect(tmp_path / "study.db", check_same_thread=False)) as other:
            other.execute("BEGIN EXCLUSIVE")
            end = Timer(0.6, other.rollback)
            end.start()
            storage.set_study_user_attr(study_id, "key", 1)
            end.join()
        assert storage.get_study_user_attrs(study_id) == {"key": 1}
    assert "waiting for it: database is locked" in caplog.text


def test_sqlite_file_that_is_no_database_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("this is no database, and it will not become one by waiting" * 20)
    with pytest.raises(DatabaseError, match="not a database"):
        database_at(f"sqlite:///{tmp_path}/study.db").open()
    assert not opened_below(tmp_path), "nor is it kept open"
