"""When a launcher is left that waits for workers of which none is there any more."""

import os
import time
from pathlib import Path

import pytest
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from hydra_plugins.hydra_optuna_async_sweeper import _watch
from hydra_plugins.hydra_optuna_async_sweeper._liveness import Owner
from hydra_plugins.hydra_optuna_async_sweeper._queue import TrialQueue
from hydra_plugins.hydra_optuna_async_sweeper._search import Search
from hydra_plugins.hydra_optuna_async_sweeper._storage import open_storage
from hydra_plugins.hydra_optuna_async_sweeper._watch import Orphaned
from tests.searches import made_up

HERE = Owner.me()
DEAD = Owner(HERE.host, os.getpid(), HERE.started - 1000)
ELSEWHERE = Owner("elsewhere", 1, 0.0)


@pytest.fixture
def queue(tmp_path: Path) -> TrialQueue:
    search = Search(
        study_name="s", storage={"journal": str(tmp_path / "journal.log")}, directions=("maximize",), n_trials=9,
        n_jobs=2, sweep_dir=str(tmp_path), sampler={}, pruner=None, space={}, fixed=(),
        bases={}, custom_search_space=None,
        points=(), max_failure_rate=1.0, max_retries=1, deadline=None, target=None, report=False,
    )  # fmt: skip
    storage = open_storage(search.storage)
    storage.create_new_study([StudyDirection.MAXIMIZE], search.study_name)
    return TrialQueue(search, storage)


def trial_of(worker: Owner, **attributes: object) -> FrozenTrial:
    trial = made_up(0, values=[1.0])
    trial.user_attrs.update({"worker": worker.as_attribute() | {"sweeper": HERE.as_attribute()}, **attributes})
    return trial


def looks(queue: TrialQueue, trials: list[FrozenTrial], monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Look now, after half of the time of grace, after all of it, and once more."""
    seconds = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: seconds)
    orphaned = Orphaned(queue, 2)
    answers = []
    for wait in (0, _watch.GRACE / 2, _watch.GRACE, 1):
        seconds += wait
        answers.append(orphaned.look(trials))
    return answers


def test_launcher_is_left_once_when_all_workers_have_been_gone_for_a_while(
    queue: TrialQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = trial_of(ELSEWHERE, lost="worker lost")
    assert looks(queue, [trial_of(DEAD), trial_of(ELSEWHERE), lost], monkeypatch) == [False, False, True, False]


@pytest.mark.parametrize(
    "workers",
    [
        pytest.param([DEAD, HERE], id="one is there"),
        pytest.param([DEAD, ELSEWHERE], id="one on another machine has lost no trial"),
        pytest.param([DEAD], id="one has not begun: it may be queued"),
    ],
)
def test_launcher_is_waited_for_while_a_worker_may_come_or_go_on(
    queue: TrialQueue, monkeypatch: pytest.MonkeyPatch, workers: list[Owner]
) -> None:
    assert not any(looks(queue, [trial_of(worker) for worker in workers], monkeypatch))
