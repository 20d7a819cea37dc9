"""Wishes as they are kept in a study, and as they were obeyed in a sweep directory."""

from dataclasses import asdict
from pathlib import Path

from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection

from hydra_plugins.hydra_search.wishes import (
    ENQUEUE,
    N_TRIALS,
    PAUSE,
    STATE,
    STOP,
    heard_in,
    make_wish,
    note_heard,
    wishes_in,
    write_wish,
)


def test_last_wish_of_a_concern_wins_and_leaves_the_others() -> None:
    storage = InMemoryStorage()
    study_id = storage.create_new_study([StudyDirection.MAXIMIZE])
    pause, more, stop = make_wish(STATE, PAUSE), make_wish(N_TRIALS, 9), make_wish(STATE, STOP)
    for wish in (pause, more, stop):
        write_wish(storage, study_id, wish)
    assert wishes_in(storage.get_study_user_attrs(study_id)) == {STATE: stop, N_TRIALS: more}
    assert make_wish(ENQUEUE, "x=1").text.startswith("enqueue x=1 asked for by ")
    assert pause.id != stop.id and "@" in stop.by and stop.text == f"stop asked for by {stop.by}"


def test_each_point_that_was_enqueued_is_a_wish_of_its_own() -> None:
    storage = InMemoryStorage()
    study_id = storage.create_new_study([StudyDirection.MAXIMIZE])
    points = [make_wish(ENQUEUE, f"x={number}") for number in range(3)]
    for wish in (*points, make_wish(STATE, STOP)):
        write_wish(storage, study_id, wish)
    found = wishes_in(storage.get_study_user_attrs(study_id)).values()
    assert [wish for wish in found if wish.concern == ENQUEUE] == points


def test_what_is_no_wish_is_left_out() -> None:
    whole = {key: value for key, value in asdict(make_wish(STATE, STOP)).items() if key != "concern"}
    attributes = {"wish:state": {**whole, "more": 1}, "wish:n_trials": 9, "wish:timeout": {"value": 9}, "other": {}}
    attributes |= {"wish:other": whole, "wish": whole, "state": whole}
    assert wishes_in(attributes) == {}


def test_wishes_that_were_obeyed_are_told_once_and_in_order(tmp_path: Path) -> None:
    assert heard_in(tmp_path) == []
    pause, stop = make_wish(STATE, PAUSE), make_wish(STATE, STOP)
    for wish in (pause, stop, pause):
        note_heard(tmp_path, wish)
    with (tmp_path / ".wishes.jsonl").open("a") as file:
        file.write('{"concern": "st')
    assert heard_in(tmp_path) == [pause, stop]
    note_heard(tmp_path / "absent", stop)
