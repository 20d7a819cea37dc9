"""PostgreSQL's own statements beside Optuna's: what one has written the other reads, and nothing is missed or twice."""

import math
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper.storage._incremental import IncrementalStorage
from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import database_at
from hydra_plugins.hydra_optuna_async_sweeper.storage._storage import StudyStorage
from tests.postgresql import LossyProxy, PostgreSQLServer

psycopg = pytest.importorskip("psycopg")

pytestmark = pytest.mark.slow

PARAMS = {
    "x": FloatDistribution(1e-5, 1.0, log=True),
    "n": IntDistribution(1, 9, step=2),
    "kind": CategoricalDistribution(("a", None, 3)),
}


class Places:
    """One study, opened again and again: as processes of a search do, and as Optuna itself does."""

    def __init__(self, storage: StudyStorage) -> None:
        self.storage, self._opened = storage, ExitStack()
        self.ours = self.open()
        self.study_id = self.ours.create_new_study([StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE], "s")

    def open(self) -> IncrementalStorage:
        opened = self.storage.without_retry(self.storage.open())
        assert isinstance(opened, IncrementalStorage)
        self.close_later(opened.database)
        return opened

    def optuna(self) -> RDBStorage:
        storage = RDBStorage(self.storage.url)
        self.close_later(storage)
        return storage

    def close_later(self, storage: RDBStorage) -> None:
        self._opened.callback(storage.engine.dispose)
        self._opened.callback(storage.remove_session)

    def close(self) -> None:
        self._opened.close()

    def connect(self) -> Any:
        return psycopg.connect(self.storage.url.replace("+psycopg", ""))

    def read(self, storage: Any = None) -> list[FrozenTrial]:
        return (storage or self.ours).get_all_trials(self.study_id, deepcopy=False)


@pytest.fixture
def places(postgresql: PostgreSQLServer) -> Iterator[Places]:
    places = Places(database_at(postgresql.new_database()))
    yield places
    places.close()


def waiting(number: int) -> FrozenTrial:
    return create_trial(
        state=TrialState.WAITING, user_attrs={"queued": True, "number": number}, system_attrs={"fixed_params": {"n": 3}}
    )


def live(storage: Any, trial_id: int, end: TrialState, values: list[float] | None) -> None:
    """Do to a trial all that a job and its worker may do."""
    assert storage.set_trial_state_values(trial_id, TrialState.RUNNING)
    assert not storage.set_trial_state_values(trial_id, TrialState.RUNNING)
    for name, value in {"x": 0.1, "n": 3.0, "kind": 1.0}.items():
        storage.set_trial_param(trial_id, name, value, PARAMS[name])
    for key, value in {"text": "é\n'", "none": None, "nested": {"a": [1, 2.5]}, "text ": "again"}.items():
        storage.set_trial_user_attr(trial_id, key, value)
    storage.set_trial_user_attr(trial_id, "text", "anew")
    storage.set_trial_system_attr(trial_id, "constraints", [0.1 + 0.2, -1e-300])
    for step, reported in enumerate([0.5, math.nan, math.inf, -math.inf, 1e-320]):
        storage.set_trial_intermediate_value(trial_id, step, reported)
    storage.set_trial_intermediate_value(trial_id, 0, 0.1)
    assert storage.set_trial_state_values(trial_id, end, values)


ENDS = [
    (TrialState.COMPLETE, [0.1 + 0.2, -1e-300]),
    (TrialState.COMPLETE, [math.inf, -math.inf]),
    (TrialState.PRUNED, [0.5]),
    (TrialState.PRUNED, None),
    (TrialState.FAIL, None),
]


def without_ids_and_times(trial: FrozenTrial) -> dict[str, object]:
    of_each = dict.fromkeys(("_trial_id", "_number", "_datetime_start", "datetime_complete"))
    return (
        vars(trial) | of_each | {"intermediate_values": repr(trial.intermediate_values), "_values": repr(trial.values)}
    )


def test_trials_are_for_optuna_what_its_own_statements_had_made_of_them(places: Places) -> None:
    optuna = places.optuna()
    places.ours.add_waiting(places.study_id, [waiting(n) for n in range(len(ENDS))])
    theirs = [optuna.create_new_trial(places.study_id, waiting(n)) for n in range(len(ENDS))]
    ours = [trial._trial_id for trial in places.read()[: len(ENDS)]]
    for (state, values), by_us, by_optuna in zip(ENDS, ours, theirs, strict=True):
        live(places.ours, by_us, state, values)
        live(optuna, by_optuna, state, values)
    read = places.read(optuna)
    assert [trial.number for trial in read] == list(range(2 * len(ENDS)))
    for by_us, by_optuna in zip(read[: len(ENDS)], read[len(ENDS) :], strict=True):
        assert vars(by_us).keys() >= {"_trial_id", "_number", "_datetime_start", "datetime_complete"}
        assert without_ids_and_times(by_us) == without_ids_and_times(by_optuna)
        for moment in ("datetime_start", "datetime_complete"):
            apart = getattr(by_optuna, moment) - getattr(by_us, moment)
            assert 0 <= apart.total_seconds() < 60, "in the same time zone"


@pytest.mark.parametrize("by", ["us", "optuna"])
def test_whoever_has_read_before_sees_each_change_that_another_process_makes(places: Places, by: str) -> None:
    writer = places.open() if by == "us" else places.optuna()
    reader, fresh = places.ours, places.optuna()
    reader.add_waiting(places.study_id, [waiting(0), waiting(1)])
    one, _ = (trial._trial_id for trial in places.read())
    steps: list[Callable[[], object]] = [
        lambda: writer.set_trial_state_values(one, TrialState.RUNNING),
        lambda: writer.set_trial_param(one, "x", 0.1, PARAMS["x"]),
        lambda: writer.set_trial_user_attr(one, "beat", 1),
        lambda: writer.set_trial_user_attr(one, "beat", 2),
        lambda: writer.set_trial_system_attr(one, "at", 1),
        lambda: writer.set_trial_intermediate_value(one, 1, 0.5),
        lambda: writer.set_trial_intermediate_value(one, 1, 0.25),
        lambda: writer.create_new_trial(places.study_id),
        lambda: writer.set_trial_state_values(one, TrialState.COMPLETE, [1.0, 2.0]),
    ]
    for number, step in enumerate(steps):
        step()
        if number % 2:
            reader.look(places.study_id, is_all=False)  # which does not keep the next one from seeing all
        assert places.read(reader) == places.read(fresh), number
        assert reader.get_trial(one) == fresh.get_trial(one)
    assert reader.get_n_trials(places.study_id, TrialState.COMPLETE) == 1


def test_what_was_written_before_a_look_but_committed_after_it_is_seen_by_the_next(places: Places) -> None:
    places.ours.add_waiting(places.study_id, [waiting(0), waiting(1)])
    one, other = (trial._trial_id for trial in places.read())
    places.ours.set_trial_state_values(one, TrialState.RUNNING)
    with places.connect() as slow:
        slow.execute("INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (%s, 'late', '1')", [one])
        slow.execute("UPDATE trials SET state = 'FAIL' WHERE trial_id = %s", [other])
        for _ in range(3):  # others commit meanwhile, and are seen
            places.ours.set_trial_user_attr(one, "early", _)
            assert places.read()[0].user_attrs == {"queued": True, "number": 0, "early": _}
        slow.commit()
    assert places.read()[0].user_attrs["late"] == 1
    assert places.read()[1].state is TrialState.FAIL


def test_look_reads_nothing_but_what_is_new(places: Places) -> None:
    tables, study_id = places.ours.tables, places.study_id
    places.ours.add_waiting(study_id, [waiting(n) for n in range(50)])
    first = tables.look(study_id, 0, None, is_all=True)
    ids = [trial._trial_id for trial in first.trials]
    assert len(ids) == 50
    second = tables.look(study_id, 0, first.since, is_all=True)
    assert second.trials == []
    places.ours.set_trial_user_attr(ids[7], "beat", 1)
    places.ours.set_trial_state_values(ids[9], TrialState.RUNNING)
    new = {is_all: tables.look(study_id, 0, second.since, is_all).trials for is_all in (False, True)}
    assert {key: [trial.number for trial in trials] for key, trials in new.items()} == {False: [9], True: [7, 9]}
    assert [trial.number for trial in tables.look(study_id, ids[48], None, is_all=True).trials] == [48, 49]


def test_trial_that_was_handed_out_stays_as_it_was(places: Places) -> None:
    places.ours.add_waiting(places.study_id, [waiting(0)])
    (before,) = places.read()
    places.ours.set_trial_user_attr(before._trial_id, "key", 1)
    (after,) = places.read()
    assert "key" not in before.user_attrs and after.user_attrs["key"] == 1


def test_server_that_crashed_and_counts_transactions_anew_is_read_again(
    places: Places, postgresql: PostgreSQLServer
) -> None:
    places.ours.add_waiting(places.study_id, [waiting(0), waiting(1)])
    one, _ = (trial._trial_id for trial in places.read())
    postgresql.shut_down(signal.SIGQUIT)
    postgresql.start_again()
    again = places.open()
    again.set_trial_state_values(one, TrialState.RUNNING)
    with places.connect() as connection:  # as if its last second had not been written
        connection.execute("DELETE FROM trial_user_attributes WHERE trial_id > %s", [one])
        connection.execute("DELETE FROM trial_system_attributes WHERE trial_id > %s", [one])
        connection.execute("DELETE FROM trials WHERE trial_id > %s", [one])
    known = places.ours._known[places.study_id]
    known.since = {kind: (str(2**31), server, until) for kind, (_, server, until) in known.since.items()}
    places.ours.database.engine.dispose()  # the connection that was lost
    assert places.read() == places.read(again)


def test_each_waiting_trial_is_claimed_by_one_of_many_and_in_the_order_of_the_queue(places: Places) -> None:
    places.ours.add_waiting(places.study_id, [waiting(n) for n in range(60)])
    opened = [places.open() for _ in range(4)]

    def claim_all(storage: IncrementalStorage) -> list[int]:
        trials = places.read(storage)
        return [trial.number for trial in iter(lambda: storage.claim(trials, "worker", id(storage)), None)]

    with ThreadPoolExecutor(4) as threads:
        parts = list(threads.map(claim_all, opened))
    assert sorted(number for part in parts for number in part) == list(range(60))
    assert all(part == sorted(part) for part in parts)
    read = places.read()
    assert all(trial.state is TrialState.RUNNING and trial.datetime_start for trial in read)
    assert {trial.user_attrs["worker"] for trial in read} <= {id(storage) for storage in opened}


def test_claim_whose_answer_was_lost_is_found_again_and_no_other_trial_is_taken(
    postgresql: PostgreSQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hydra_plugins.hydra_optuna_async_sweeper.storage._postgresql.SECONDS_TO_REPLY", 1)
    url = postgresql.new_database()
    with LossyProxy(postgresql.port) as proxy:
        storage = database_at(url.replace(f":{postgresql.port}/", f":{proxy.port}/"))
        places = Places(storage)
        places.ours.add_waiting(places.study_id, [waiting(n) for n in range(3)])
        retrying = storage.open()
        places.close_later(storage.without_retry(retrying).database)  # type: ignore[attr-defined]
        trials = places.read(retrying)
        proxy.lose_next_reply.set()
        taken = storage.claim(retrying, trials, "worker", "me", None)  # type: ignore[arg-type]  # needs no lock
        assert not proxy.lose_next_reply.is_set(), "the reply was lost"
        assert taken is not None and taken.number == 0
        states = [trial.state for trial in places.read()]
        assert states == [TrialState.RUNNING, TrialState.WAITING, TrialState.WAITING]
        places.close()


ERRORS = {
    "a closed trial again": (UpdateFinishedTrialError, lambda o, t: o.set_trial_state_values(t, TrialState.FAIL)),
    "its attribute": (UpdateFinishedTrialError, lambda o, t: o.set_trial_user_attr(t, "a", 1)),
    "its system attribute": (UpdateFinishedTrialError, lambda o, t: o.set_trial_system_attr(t, "a", 1)),
    "its parameter": (UpdateFinishedTrialError, lambda o, t: o.set_trial_param(t, "x", 0.1, PARAMS["x"])),
    "its curve": (UpdateFinishedTrialError, lambda o, t: o.set_trial_intermediate_value(t, 0, 0.1)),
    "no such trial": (KeyError, lambda o, t: o.get_trial(t + 1000)),
    "an end of no such trial": (KeyError, lambda o, t: o.set_trial_state_values(t + 1000, TrialState.FAIL)),
    "no such study": (KeyError, lambda o, t: o.get_all_trials(1000)),
}


@pytest.mark.parametrize("what", list(ERRORS))
def test_what_optuna_refuses_is_refused_with_its_error(places: Places, what: str) -> None:
    places.ours.add_waiting(places.study_id, [waiting(0)])
    (trial,) = places.read()
    live(places.ours, trial._trial_id, TrialState.FAIL, None)
    kind, call = ERRORS[what]
    for storage in (places.ours, places.open(), places.optuna()):
        with pytest.raises(kind):
            call(storage, trial._trial_id)


def test_parameter_of_another_kind_than_the_studys_is_refused(places: Places) -> None:
    places.ours.add_waiting(places.study_id, [waiting(0), waiting(1)])
    one, other = (trial._trial_id for trial in places.read())
    places.ours.set_trial_param(one, "x", 0.1, PARAMS["x"])
    for storage in (places.ours, places.open()):
        places.read(storage)
        with pytest.raises(ValueError, match="distribution"):
            storage.set_trial_param(other, "x", 1.0, IntDistribution(1, 3))


def test_numbers_have_no_gaps_however_many_add_trials_at_once(places: Places) -> None:
    opened = [places.open(), places.open(), places.optuna()]

    def add(storage: Any) -> None:
        for _ in range(10):
            if isinstance(storage, IncrementalStorage):
                storage.add_waiting(places.study_id, [waiting(0)] * 3)
            else:
                storage.create_new_trial(places.study_id)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(add, opened))
    assert [trial.number for trial in places.read()] == list(range(70))
