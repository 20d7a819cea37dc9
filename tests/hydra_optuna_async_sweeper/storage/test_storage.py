"""The contract of every place where a study may live, held for each kind; a server's own is in test_storages.py."""

import pickle
from pathlib import Path

import pytest
from filelock import Timeout
from optuna.study import StudyDirection

from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import database_at, resolve_storage
from hydra_plugins.hydra_optuna_async_sweeper.storage._storage import StudyStorage
from hydra_plugins.hydra_search.errors import BadInput
from tests.sweeps import opened_below

JOURNAL = {"_target_": "optuna.storages.journal.JournalFileBackend", "file_path": "own.log"}
KINDS = {
    "journal": None,
    "sqlite": "sqlite:///study.db",
    "rdb": {"_target_": "optuna.storages.RDBStorage", "url": "sqlite:///own.db"},
    "custom": {"_target_": "optuna.storages.JournalStorage", "log_storage": JOURNAL},
}


@pytest.fixture(params=list(KINDS))
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> StudyStorage:
    return resolve_storage(KINDS[request.param], tmp_path / "sweep", tmp_path)


def test_study_is_the_same_in_every_process_that_opens_it(storage: StudyStorage, tmp_path: Path) -> None:
    assert not list(tmp_path.iterdir()), "nothing is made before it is opened"
    with storage.opened() as first:
        study_id = first.create_new_study([StudyDirection.MAXIMIZE], "s")
    again = pickle.loads(pickle.dumps(storage))
    assert again == storage
    with again.opened() as second:
        assert second.get_study_id_from_name("s") == study_id
    assert storage.file is None or storage.file.is_relative_to(tmp_path)
    assert any(path.is_file() for path in tmp_path.rglob("*")), "a relative path is relative to where the search began"


def test_lock_keeps_others_out_and_lets_them_in_again(storage: StudyStorage, tmp_path: Path) -> None:
    elsewhere = pickle.loads(pickle.dumps(storage))  # as a worker has it
    with storage.opened() as first, elsewhere.opened() as second:
        lock, other = storage.queue_lock(tmp_path / "lock", first), elsewhere.queue_lock(tmp_path / "lock", second)
        with lock, pytest.raises(Timeout):
            other.acquire(blocking=False)  # type: ignore[attr-defined]  # a FileLock's
        with other, pytest.raises(Timeout):
            lock.acquire(blocking=False)  # type: ignore[attr-defined]


def test_call_is_made_once_where_no_server_may_be_away(storage: StudyStorage) -> None:
    calls: list[None] = []
    with pytest.raises(OSError):
        storage.retry(lambda: (calls.append(None), Path("/absent").read_text())[1])
    assert len(calls) == 1
    with storage.opened() as opened:
        assert storage.without_retry(opened) is opened


def test_nothing_stays_open_of_what_was_opened_and_looked_at_whatever_went_wrong(
    storage: StudyStorage, tmp_path: Path
) -> None:
    for use in (storage.opened, storage.look):
        with pytest.raises(RuntimeError, match="amid"), use() as opened:
            assert opened is not None and not opened.get_all_studies()
            raise RuntimeError("amid")
        assert not opened_below(tmp_path)


def test_only_sqlite_needs_a_lock_to_claim(tmp_path: Path) -> None:
    atomic = {kind: resolve_storage(value, tmp_path, tmp_path).claims_atomically for kind, value in KINDS.items()}
    assert atomic == {"journal": True, "sqlite": False, "rdb": False, "custom": True}


def test_password_is_never_shown() -> None:
    assert database_at("postgresql+psycopg://me:secret@host/db").shown == "postgresql+psycopg://me:***@host/db"


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("study.db", "must be a database URL"),
        ("postgresql//me:secret@host/db", "must be a database URL"),
        ("sqlite://", "names no file that the workers could share"),
        (5, "must be null, a URL, or a _target_"),
        (["postgresql://me:secret@host/db"], "must be null, a URL, or a _target_"),
        ({"_target_": "os.mkdir", "path": "x"}, "must be null, a URL, or a _target_"),
        ({"_target_": "optuna.storages.InMemoryStorage"}, "can't be shared with the workers"),
        ("postgresql+psycopg://me:secret@127.0.0.1:9/db", "can't be opened"),
        ("postgresql+pg8000://me:secret@127.0.0.1:9/db", "its database driver is not installed"),
    ],
)
def test_what_can_not_hold_a_study_is_refused(tmp_path: Path, value: object, rule: str) -> None:
    with pytest.raises(BadInput, match=rule) as refused:
        resolve_storage(value, tmp_path, tmp_path)
    assert "secret" not in str(refused.value) and str(refused.value).startswith("hydra.sweeper.storage: ")
    assert not list(tmp_path.iterdir())
