"""When a launcher is left that waits for workers of which none is there any more."""

import time
from dataclasses import replace

import pytest
from omegaconf import OmegaConf
from optuna.trial import FrozenTrial

from hydra_plugins.hydra_optuna_async_sweeper.search import _monitor
from hydra_plugins.hydra_optuna_async_sweeper.search._monitor import FirstWorker, LauncherGuard, LauncherLeft
from hydra_plugins.hydra_optuna_async_sweeper.search._tally import Tally
from hydra_plugins.hydra_search import waiting
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.wishes import PAUSE
from tests.searches import made_up
from tests.sweeps import made_up_search

HERE = Owner.me()
DEAD = replace(HERE, started=HERE.started - 1000)
ELSEWHERE = Owner("elsewhere", 1, 0.0)
SEARCH = made_up_search(n_trials=9)


def trial_of(worker: Owner, **attributes: object) -> FrozenTrial:
    trial = made_up(0, values=[1.0])
    trial.user_attrs.update({"worker": worker.as_attribute() | {"sweeper": HERE.as_attribute()}, **attributes})
    return trial


class Clock:
    """Stands for the monotonic clock, so that nobody waits for the time of grace."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.seconds)


def looks(guard: LauncherGuard, trials: list[FrozenTrial], clock: Clock, interrupts: list[None]) -> list[bool]:
    """Look now, after half of the time of grace, after all of it, and once more; True where the launcher is left."""
    answers = []
    for wait in (0, _monitor.GRACE / 2, _monitor.GRACE, 1):
        clock.seconds += wait
        before = len(interrupts)
        guard.look(Tally(SEARCH, trials))
        answers.append(len(interrupts) > before)
    return answers


@pytest.fixture
def interrupts() -> list[None]:
    return []


@pytest.fixture
def guard(interrupts: list[None]) -> LauncherGuard:
    return LauncherGuard(SEARCH, lambda: interrupts.append(None))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_launcher_is_left_once_when_all_workers_have_been_gone_for_a_while(
    guard: LauncherGuard, clock: Clock, interrupts: list[None]
) -> None:
    trials = [trial_of(DEAD), trial_of(ELSEWHERE), trial_of(ELSEWHERE, lost="worker lost")]
    with pytest.raises(LauncherLeft), guard.launching(Tally(SEARCH), 2):
        assert looks(guard, trials, clock, interrupts) == [False, False, True, False]
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    "workers",
    [
        pytest.param([DEAD, HERE], id="one is there"),
        pytest.param([DEAD, ELSEWHERE], id="one on another machine has lost no trial"),
        pytest.param([DEAD], id="one has not begun: it may be queued"),
    ],
)
def test_launcher_is_waited_for_while_a_worker_may_come_or_go_on(
    guard: LauncherGuard, clock: Clock, interrupts: list[None], workers: list[Owner]
) -> None:
    with guard.launching(Tally(SEARCH), 2):
        assert not any(looks(guard, [trial_of(worker) for worker in workers], clock, interrupts))


def test_workers_of_an_earlier_launch_are_not_those_that_are_waited_for(
    guard: LauncherGuard, clock: Clock, interrupts: list[None]
) -> None:
    trials = [trial_of(DEAD), trial_of(ELSEWHERE, lost="worker lost")]
    with guard.launching(Tally(SEARCH, trials), 2):
        assert not any(looks(guard, trials, clock, interrupts))


def test_launcher_that_does_not_return_after_the_last_trial_is_left_without_an_error(
    guard: LauncherGuard, clock: Clock, interrupts: list[None]
) -> None:
    trials = [trial_of(HERE) for _ in range(9)]
    with guard.launching(Tally(SEARCH), 2):
        assert looks(guard, trials, clock, interrupts) == [False, False, True, False]
        raise KeyboardInterrupt


def test_nobody_is_interrupted_while_no_launcher_runs(
    guard: LauncherGuard, clock: Clock, interrupts: list[None]
) -> None:
    assert not any(looks(guard, [trial_of(HERE) for _ in range(9)], clock, interrupts))


def test_ctrl_c_of_the_user_is_not_taken_for_an_interrupt_of_our_own(guard: LauncherGuard) -> None:
    with pytest.raises(KeyboardInterrupt), guard.launching(Tally(SEARCH), 2):
        raise KeyboardInterrupt


@pytest.mark.parametrize(("workers", "said"), [([], 1), ([HERE], 0)])
def test_launcher_whose_first_worker_has_not_begun_after_two_seconds_is_named_once(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, workers: list[Owner], said: int
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(waiting, "_said", set())
    first = FirstWorker(OmegaConf.create({"hydra": {"runtime": {"choices": {"hydra/launcher": "ray"}}}}))
    first.look(Tally(SEARCH))
    assert not caplog.messages
    for _ in range(2):
        clock.seconds += 3
        first.look(Tally(SEARCH, [trial_of(worker) for worker in workers]))
    assert caplog.messages == ["Waiting for the first worker of hydra/launcher=ray ..."] * said


def test_paused_search_waits_for_somebody_and_not_for_its_first_worker(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(waiting, "_said", set())
    first = FirstWorker(OmegaConf.create({"hydra": {"runtime": {"choices": {"hydra/launcher": "ray"}}}}))
    clock.seconds += 30
    first.look(Tally(replace(SEARCH, state=PAUSE)))
    clock.seconds += 1
    first.look(Tally(SEARCH))
    assert not caplog.messages
    clock.seconds += 2
    first.look(Tally(SEARCH))
    assert caplog.messages == ["Waiting for the first worker of hydra/launcher=ray ..."]
