import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from optuna import Study, Trial, load_study
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import NullPool, create_engine, text

from hydra_plugins.hydra_optuna_async_sweeper.search._queue import TrialQueue
from hydra_plugins.hydra_optuna_async_sweeper.search._spec import Search
from hydra_plugins.hydra_optuna_async_sweeper.space._tree import parse_space
from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import database_at
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.results import Attempt, reason_of_loss, save_result
from hydra_plugins.hydra_search.trials import FIXED, INTERRUPTED, REPEATS
from hydra_plugins.hydra_search.wishes import make_wish, write_wish
from tests.hydra_optuna_async_sweeper.space.spaces import points_of
from tests.postgresql import postgresql
from tests.sweeps import close_queues, made_up_search, queue_of

__all__ = ["postgresql"]

POINT = {"x": 0.25, "size": 2}


# The portable way, the same under a lock, and that of a server.
STORAGES = ["journal", *(pytest.param(name, marks=pytest.mark.slow) for name in ("sqlite", "postgresql"))]


@pytest.fixture(params=STORAGES)
def search(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Search]:
    made_up = made_up_search(tmp_path, enqueued=(POINT,))
    if request.param == "sqlite":
        made_up = replace(made_up, storage=database_at(f"sqlite:///{tmp_path}/queue.db"))
    if request.param == "postgresql":
        pytest.importorskip("psycopg")
        made_up = replace(made_up, storage=database_at(request.getfixturevalue("postgresql").new_database()))
    yield made_up
    close_queues()


def claimed(queue: TrialQueue) -> FrozenTrial:
    trial = queue.claim()
    assert trial is not None
    return trial


def test_budget_is_filled_once_by_however_many_sweeps(search: Search) -> None:
    queues = [queue_of(search) for _ in range(2)]
    assert [queue.fill() for queue in queues] == [3, 3]
    assert [claimed(queues[i % 2]).number for i in range(3)] == [0, 1, 2]
    assert [queue.claim() for queue in queues] == [None, None]


def test_larger_budget_adds_what_is_missing(search: Search) -> None:
    queue_of(search).fill()
    for _ in range(3):
        claimed(queue_of(search))
    assert queue_of(replace(search, n_trials=5)).fill() == 2


def test_repetition_takes_no_place_of_the_budget(search: Search) -> None:
    queue = queue_of(replace(search, n_trials=1, enqueued=()))
    trial = claimed(queue)
    queue.storage.set_trial_user_attr(trial._trial_id, REPEATS, 7)
    queue.storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [0.5])
    assert claimed(queue).number == 1


def test_enqueued_trial_comes_first_and_once(search: Search) -> None:
    queue = queue_of(search)
    queue.fill()
    assert [trial.system_attrs.get(FIXED) for trial in queue.trials()] == [POINT, None, None]
    assert queue_of(replace(search, n_trials=9)).fill() == 3, "the waiting ones first"
    assert sum(FIXED in trial.system_attrs for trial in queue.trials()) == 1


def of_grid(search: Search, n_trials: int, **entries: str) -> Search:
    sampler = {"_target_": "optuna.samplers.GridSampler", "seed": 1}
    return replace(search, n_trials=n_trials, sampler=sampler, space=parse_space(entries))


def test_grid_is_tried_point_by_point_once_by_all_sweeps_and_after_the_users_own(search: Search) -> None:
    search = of_grid(search, 21, x="choice(0.25, 0.5, 0.75)", size="range(1, 8)")
    queues = [queue_of(search) for _ in range(2)]
    points: list[dict[str, object]] = []
    for turn in range(21):
        queue = queues[turn % 2] if turn != 9 else queue_of(search)
        points.append(claimed(queue).system_attrs[FIXED])
        assert len(queue.trials(TrialState.WAITING)) < 8, "a few at a time"
    assert points[0] == POINT and sorted(map(str, points)) == sorted(map(str, points_of(search.space)))
    assert [queue.claim() for queue in queues] == [None, None]


def test_few_points_are_made_of_a_grid_that_no_memory_holds(search: Search) -> None:
    search = of_grid(search, 4, **{f"x{i}": "range(0, 1000)" for i in range(8)})
    queue = queue_of(replace(search, enqueued=()))
    assert len({str(claimed(queue).system_attrs[FIXED]) for _ in range(4)}) == 4


def test_points_of_a_grid_take_the_places_of_blank_trials_that_wait(search: Search) -> None:
    assert queue_of(replace(search, enqueued=())).fill() == 3
    queue = queue_of(of_grid(replace(search, enqueued=()), 20, x="range(0, 20)"))
    assert queue.fill() == 20
    assert sorted(claimed(queue).system_attrs[FIXED]["x"] for _ in range(20)) == list(range(20))


def numbers_claimed(queue: TrialQueue) -> list[int]:
    """Claim until nothing is left."""
    return [trial.number for trial in iter(queue.claim, None)]


def test_lowered_budget_hands_out_no_more_than_it_has_room_for(search: Search) -> None:
    before = queue_of(replace(search, n_trials=9, enqueued=()))
    assert before.fill() == 8
    for _ in range(2):
        before.storage.set_trial_state_values(claimed(before)._trial_id, TrialState.COMPLETE, [0.5])
    queue = queue_of(replace(search, n_trials=6, enqueued=()))
    assert queue.fill() == 4
    assert numbers_claimed(queue) == [2, 3, 4, 5]
    assert queue.fill() == 0


def test_trial_that_somebody_enqueues_meanwhile_is_next_and_a_blank_one_gives_way(search: Search) -> None:
    queue = queue_of(replace(search, enqueued=()))
    assert claimed(queue).number == 0
    load_study(study_name="s", storage=queue.storage).enqueue_trial(POINT)
    assert numbers_claimed(queue) == [3, 1]


def test_points_to_try_first_come_first_where_blank_trials_of_an_interrupted_search_wait(search: Search) -> None:
    assert queue_of(replace(search, enqueued=())).fill() == 3
    queue = queue_of(search)
    assert queue.fill() == 3
    assert claimed(queue).system_attrs[FIXED] == POINT
    assert len(numbers_claimed(queue)) == 2


def test_trial_lost_between_two_parameters_is_requeued_with_all_its_parameters(search: Search) -> None:
    queue = queue_of(replace(search, n_trials=1))
    trial = claimed(queue)
    Trial(Study(search.study_name, queue.storage), trial._trial_id).suggest_float("x", 0, 1)
    assert queue.requeue(queue.trials()[0], "worker lost")
    again = claimed(queue)
    assert again.system_attrs[FIXED] == POINT
    assert (again.user_attrs["retry_of"], again.user_attrs["retries"]) == (0, 1)


@pytest.mark.parametrize(("reason", "total"), [("worker lost", 2), (INTERRUPTED, 5)])
def test_lost_trial_is_requeued_max_retries_times_but_an_interrupted_one_always(
    search: Search, reason: str, total: int
) -> None:
    queue = queue_of(replace(search, n_trials=1))
    for _ in range(total):
        queue.requeue(claimed(queue), reason)
    assert (queue.claim() is None) is (reason != INTERRUPTED)
    lost = [trial for trial in queue.trials() if trial.state is TrialState.FAIL]
    assert [trial.user_attrs.get("retry_of") for trial in lost] == [None, *range(total - 1)]


def test_trial_that_was_closed_meanwhile_is_not_requeue(search: Search) -> None:
    queue = queue_of(search)
    trial = claimed(queue)
    queue.storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [0.5])
    assert not queue.requeue(trial, "worker lost")
    assert queue.trials()[0].state is TrialState.COMPLETE


def test_running_trial_that_left_its_result_is_closed_with_it_and_not_requeue(search: Search) -> None:
    queue = queue_of(search)
    trial = claimed(queue)
    directory = Path(search.sweep_dir, str(trial.number))
    directory.mkdir()
    save_result(directory, [0.5], Attempt(Owner.me(), trial.number))
    assert not queue.requeue(trial, INTERRUPTED)
    assert (queue.trials()[0].state, queue.trials()[0].value) == (TrialState.COMPLETE, 0.5)
    assert reason_of_loss(directory, Attempt(Owner.me(), 0)) is None


@pytest.mark.parametrize("by", ["the worker that goes on", "the sweep that has ended"])
def test_end_that_a_crashed_database_has_forgotten_is_written_again(search: Search, tmp_path: Path, by: str) -> None:
    if not search.storage.url:
        search = replace(search, storage=database_at(f"sqlite:///{tmp_path}/study.db"))
    search = replace(search, n_trials=1)
    queue = queue_of(search)
    trial = claimed(queue)
    (tmp_path / "0").mkdir()
    save_result(tmp_path / "0", [0.5], Attempt(Owner.me(), 0))
    queue.storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [0.5])
    queue.note_closed(trial)
    with create_engine(search.storage.url, poolclass=NullPool).begin() as connection:
        connection.execute(text("UPDATE trials SET state = 'RUNNING'"))
        connection.execute(text("DELETE FROM trial_values"))
    assert queue_of(search).trials()[0].state is TrialState.RUNNING
    if by == "the worker that goes on":
        assert queue.claim() is None
    else:
        queue_of(search).requeue_left()
    (closed,) = queue_of(search).trials()
    assert (closed.state, closed.value) == (TrialState.COMPLETE, 0.5)


def test_lost_trial_leaves_word_in_its_directory_for_those_who_cannot_see_its_process(search: Search) -> None:
    queue = queue_of(search)
    trial = claimed(queue)
    directory = Path(search.sweep_dir, str(trial.number))
    directory.mkdir()
    assert queue.requeue(trial, "worker lost")
    assert reason_of_loss(directory, Attempt(Owner.me(), 0)) == "worker lost"


@pytest.mark.parametrize(
    "other", [Attempt(Owner.me(), 1), Attempt(Owner("another boot", 1, 1.0), 0)], ids=["trial", "worker"]
)
def test_result_of_another_study_or_trial_in_the_directory_is_not_the_trials(search: Search, other: Attempt) -> None:
    queue = queue_of(search)
    trial = claimed(queue)
    directory = Path(search.sweep_dir, str(trial.number))
    directory.mkdir()
    save_result(directory, [0.5], other)
    assert queue.requeue(trial, "worker lost")
    assert (queue.trials()[0].state, queue.trials()[0].values) == (TrialState.FAIL, None)


def unowned(queue: TrialQueue) -> FrozenTrial:
    """Claim a trial as a worker does that is killed before it can say so, or as another program does."""
    queue.fill()
    waiting = queue.trials(TrialState.WAITING)[0]
    assert queue.storage.set_trial_state_values(waiting._trial_id, TrialState.RUNNING)
    return waiting


def gone_after(queue: TrialQueue, monkeypatch: pytest.MonkeyPatch, seconds: int) -> list[int]:
    """Watch the queue every second, on a clock that is moved by hand; return what was taken for lost."""
    found = []
    for second in range(seconds):
        monkeypatch.setattr(time, "monotonic", lambda now=second: now)
        found += [trial.number for trial in queue.requeue_stale()]
    return found


def test_trial_whose_worker_died_between_two_writes_is_requeued(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = queue_of(replace(search, n_trials=1))
    trial = unowned(queue)
    assert gone_after(queue, monkeypatch, 15) == []
    assert gone_after(queue, monkeypatch, 30) == [trial.number]
    assert claimed(queue).user_attrs["retry_of"] == trial.number


@pytest.mark.parametrize("whose", ["one of ours that they took", "one of their own"])
def test_trial_of_another_program_is_its_own_however_long_and_takes_no_place_until_it_ends(
    search: Search, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    queue = queue_of(replace(search, enqueued=()))
    if whose == "one of their own":
        study = load_study(study_name="s", storage=queue.storage)
        theirs = study.ask()
    else:
        theirs = Trial(Study("s", queue.storage), unowned(queue)._trial_id)
        theirs.suggest_float("x", 0, 1)
    assert gone_after(queue, monkeypatch, 300) == []
    assert queue.running() == []
    for _ in range(3):
        claimed(queue)
    assert queue.claim() is None
    Study("s", queue.storage).tell(theirs.number, 0.5)
    assert queue_of(replace(search, n_trials=5)).fill() == 1


@pytest.mark.parametrize(
    "attributes", [{"worker": "a name"}, {"worker": {"host": "a"}}, {"retries": "many", "lost": "by them"}]
)
def test_attributes_that_another_program_has_written_are_no_trouble(
    search: Search, monkeypatch: pytest.MonkeyPatch, attributes: dict[str, object]
) -> None:
    queue = queue_of(search)
    trial = unowned(queue)
    for key, value in attributes.items():
        queue.storage.set_trial_user_attr(trial._trial_id, key, value)
    assert gone_after(queue, monkeypatch, 300) == []
    queue.requeue_left()
    queue.storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    assert claimed(queue).number != trial.number


def test_claim_obeys_what_somebody_else_has_wished_a_moment_before(search: Search) -> None:
    queue, other = queue_of(search), queue_of(search)
    claimed(queue)
    for concern, value, is_given in (
        ("state", "pause", False), ("state", "resume", True), ("n_trials", 2, False), ("n_trials", 9, True),
        ("timeout", 0, False), ("timeout", None, True), ("state", "stop", False),
    ):  # fmt: skip
        write_wish(other.storage, other.study_id, make_wish(concern, value))
        assert (queue.claim() is not None) == is_given, (concern, value)
    assert queue.search.n_trials == 9
