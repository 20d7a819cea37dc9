"""The contract, held for a PostgreSQL server: by its URL, and by a `_target_` with that URL."""

import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection

from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import resolve_storage
from hydra_plugins.hydra_optuna_async_sweeper.storage._storage import StudyStorage
from tests.postgresql import PostgreSQLServer

pytestmark = pytest.mark.slow


@pytest.fixture(params=["url", "target"])
def storage(request: pytest.FixtureRequest, postgresql: PostgreSQLServer, tmp_path: Path) -> StudyStorage:
    url = postgresql.new_database()
    value = url if request.param == "url" else {"_target_": "optuna.storages.RDBStorage", "url": url}
    return resolve_storage(value, tmp_path, tmp_path)


@contextmanager
def opened(storage: StudyStorage) -> Iterator[BaseStorage]:
    found = storage.open()
    yield found
    backend = storage.without_retry(found)._backend  # type: ignore[attr-defined]  # of Optuna's cache
    assert isinstance(backend, RDBStorage)
    backend.remove_session()
    backend.engine.dispose()


def test_study_in_a_server_is_the_same_in_every_process_that_opens_it(storage: StudyStorage) -> None:
    again = pickle.loads(pickle.dumps(storage))
    assert again == storage and (storage.file, storage.claims_atomically) == (None, True)
    with opened(storage) as first, opened(again) as second:
        study_id = first.create_new_study([StudyDirection.MAXIMIZE], "s")
        assert second.get_study_id_from_name("s") == study_id
        assert storage.without_retry(first) is not first
    assert "secret" in storage.url and "secret" not in storage.shown


def enter(lock: AbstractContextManager[object]) -> None:
    with lock:
        pass


def test_lock_of_the_server_keeps_out_whoever_names_another_file(storage: StudyStorage, tmp_path: Path) -> None:
    lock, other = storage.queue_lock(tmp_path / "north"), storage.queue_lock(tmp_path / "south")
    with ThreadPoolExecutor(1) as elsewhere:
        for _ in range(2):
            with lock:
                entered = elsewhere.submit(enter, other)
                with pytest.raises(TimeoutError):
                    entered.result(0.3)
            entered.result(10)
    assert not list(tmp_path.iterdir())
