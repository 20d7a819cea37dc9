"""The contract, held for a PostgreSQL server: by its URL, and by a `_target_` with that URL."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from optuna.exceptions import StorageInternalError
from optuna.study import StudyDirection

from hydra_plugins.hydra_optuna_async_sweeper.storage import _postgresql
from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import database_at, resolve_storage
from hydra_plugins.hydra_optuna_async_sweeper.storage._storage import StudyStorage
from hydra_plugins.hydra_search.errors import BadInput
from tests.postgresql import LossyProxy, PostgreSQLServer

psycopg = pytest.importorskip("psycopg")

pytestmark = pytest.mark.slow


@pytest.fixture(params=["url", "target"])
def storage(request: pytest.FixtureRequest, postgresql: PostgreSQLServer, tmp_path: Path) -> StudyStorage:
    url = postgresql.new_database()
    value = url if request.param == "url" else {"_target_": "optuna.storages.RDBStorage", "url": url}
    return resolve_storage(value, tmp_path, tmp_path)


def test_study_in_a_server_is_the_same_in_every_process_that_opens_it(storage: StudyStorage) -> None:
    again = pickle.loads(pickle.dumps(storage))
    assert again == storage and (storage.file, storage.claims_atomically) == (None, True)
    with storage.opened() as first, again.opened() as second:
        study_id = first.create_new_study([StudyDirection.MAXIMIZE], "s")
        assert second.get_study_id_from_name("s") == study_id
        assert storage.without_retry(first) is not first
    assert "secret" in storage.url and "secret" not in storage.shown


def enter(lock: AbstractContextManager[object]) -> None:
    with lock:
        pass


def test_lock_of_the_server_keeps_out_whoever_names_another_file(storage: StudyStorage, tmp_path: Path) -> None:
    with storage.opened() as first, storage.opened() as second, ThreadPoolExecutor(1) as elsewhere:
        lock, other = storage.queue_lock(tmp_path / "north", first), storage.queue_lock(tmp_path / "south", second)
        for _ in range(2):
            with lock:
                entered = elsewhere.submit(enter, other)
                with pytest.raises(TimeoutError):
                    entered.result(0.3)
            entered.result(10)
    assert not list(tmp_path.iterdir())


def connections(postgresql: PostgreSQLServer, storage: StudyStorage) -> int:
    with psycopg.connect(postgresql.url("postgres").replace("+psycopg", "")) as connection:
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        row = connection.execute(count, [storage.url.rpartition("/")[2]]).fetchone()
    return int(row[0]) if row else 0


def test_process_holds_one_connection_whatever_its_threads_and_its_lock_do(
    storage: StudyStorage, postgresql: PostgreSQLServer, tmp_path: Path
) -> None:
    with storage.opened() as first, ThreadPoolExecutor(4) as threads:
        study_id = first.create_new_study([StudyDirection.MAXIMIZE], "s")
        with storage.queue_lock(tmp_path, first):
            list(threads.map(lambda _: first.create_new_trial(study_id), range(20)))
            assert connections(postgresql, storage) == 1
        assert connections(postgresql, storage) == 1
        assert len(first.get_all_trials(study_id)) == 20


def test_lock_goes_with_its_connection_and_nothing_is_written_without_it(
    storage: StudyStorage, postgresql: PostgreSQLServer, tmp_path: Path
) -> None:
    with storage.opened() as first, storage.opened() as second:
        study_id = first.create_new_study([StudyDirection.MAXIMIZE], "s")
        with pytest.raises(StorageInternalError), storage.queue_lock(tmp_path, first):
            with psycopg.connect(postgresql.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
                ours = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                connection.execute(ours)
            once = storage.without_retry(first)
            with pytest.raises(StorageInternalError):
                once.create_new_trial(study_id)
            once.create_new_trial(study_id)
        with storage.queue_lock(tmp_path, second):
            assert second.get_all_trials(study_id) == []
    # and it can be had again


def test_reply_that_never_comes_is_asked_for_again(
    postgresql: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_postgresql, "SECONDS_TO_REPLY", 1)
    storage = resolve_storage(postgresql.new_database(), tmp_path, tmp_path)
    with LossyProxy(postgresql.port) as proxy:
        url = storage.url.replace(f":{postgresql.port}/", f":{proxy.port}/")
        with database_at(url).opened() as first:
            study_id = first.create_new_study([StudyDirection.MAXIMIZE], "s")
            proxy.lose_next_reply.set()
            first.create_new_trial(study_id)
            assert not proxy.lose_next_reply.is_set(), "the reply was lost"
            assert first.get_all_trials(study_id)


def test_tables_of_another_version_are_refused_with_the_remedy(postgresql: PostgreSQLServer, tmp_path: Path) -> None:
    storage = resolve_storage(postgresql.new_database(), tmp_path, tmp_path)
    with storage.opened():
        pass
    with psycopg.connect(storage.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v3.0.0.a'")
    with pytest.raises(BadInput, match=r"hydra.sweeper.storage: .*another version of Optuna .*optuna storage upgrade"):
        storage.open()
