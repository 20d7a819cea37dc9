import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper._search import Search
from hydra_plugins.hydra_optuna_async_sweeper._stop import INTERRUPTED, is_put_back, stop_reason, verdicts

SEARCH = Search(
    study_name="s", storage="", directions=("maximize",), n_trials=4, n_jobs=2, sweep_dir="", sampler={}, pruner=None,
    space={}, fixed=(),
        bases={}, custom_search_space=None, points=(), max_failure_rate=0.5, max_retries=2, deadline=None,
    target=None, report=False,
)  # fmt: skip

Trials = list[FrozenTrial]


def complete(*values: float) -> Trials:
    return [create_trial(state=TrialState.COMPLETE, value=value) for value in values]


def failed(number: int = 1, **attributes: object) -> Trials:
    return [create_trial(state=TrialState.FAIL, user_attrs=attributes) for _ in range(number)]


def of_state(state: TrialState, number: int = 1) -> Trials:
    return [create_trial(state=state) for _ in range(number)]


@pytest.mark.parametrize(
    ("trial", "put_back"),
    [
        (failed(lost="worker lost"), True),
        (failed(lost="worker lost", retries=1), True),
        (failed(lost="worker lost", retries=2), False),
        (failed(lost=INTERRUPTED, retries=2), True),
        (failed(error="ValueError"), False),
        (of_state(TrialState.RUNNING), False),
        (complete(0.5), False),
    ],
)
def test_lost_trial_is_put_back_until_it_was_tried_often_enough(trial: Trials, put_back: bool) -> None:
    assert is_put_back(trial[0], max_retries=2) is put_back


def test_verdicts_are_what_the_budget_counts() -> None:
    pruned, waiting = of_state(TrialState.PRUNED), of_state(TrialState.WAITING)
    trials = [*complete(0.1), *failed(lost="worker lost"), *pruned, *waiting, *failed(error="e")]
    assert verdicts(trials, 2) == [trials[0], trials[2], trials[4]]


@pytest.mark.parametrize(
    ("trials", "reason"),
    [
        ([], None),
        (complete(1, 2, 3), None),
        (complete(1, 2, 3, 4), "n_trials"),
        (complete(1, 2, 3) + of_state(TrialState.PRUNED), "n_trials"),
        (complete(1, 2, 3) + of_state(TrialState.RUNNING) + of_state(TrialState.WAITING), None),
        (complete(1, 2, 3) + failed(lost="worker lost"), None),
        (complete(1, 2, 3) + failed(lost="worker lost", retries=2), "n_trials"),
        (failed(2, error="e"), None),
        (failed(3, error="e"), "max_failure_rate"),
        (complete(1) + failed(3, error="e"), "max_failure_rate"),
        (failed(2, error="e") + failed(5, lost=INTERRUPTED), None),
        (failed(2, error="e") + failed(1, lost="worker lost", retries=2), "max_failure_rate"),
    ],
)
def test_reason_follows_from_what_has_a_verdict(trials: Trials, reason: str | None) -> None:
    assert stop_reason(trials, SEARCH) == reason


@pytest.mark.parametrize(
    ("direction", "values", "reason"),
    [
        ("maximize", (0.4, 0.79), None),
        ("maximize", (0.4, 0.8), "target"),
        ("minimize", (0.9, 0.81), None),
        ("minimize", (0.9, 0.8), "target"),
    ],
)
def test_target_is_reached_from_the_side_of_the_direction(
    direction: str, values: tuple[float, ...], reason: str | None
) -> None:
    search = replace(SEARCH, directions=(direction,), target=0.8)
    assert stop_reason(complete(*values), search) == reason


def test_pruned_trial_reaches_no_target() -> None:
    pruned = [create_trial(state=TrialState.PRUNED, value=0.9, intermediate_values={0: 0.9})]
    assert stop_reason(pruned, replace(SEARCH, target=0.8)) is None


@pytest.mark.parametrize(("seconds", "reason"), [(-1, "timeout"), (60, None)])
def test_search_ends_at_its_deadline(seconds: float, reason: str | None) -> None:
    assert stop_reason(complete(1), replace(SEARCH, deadline=time.time() + seconds)) == reason


@pytest.mark.parametrize("trials", [lambda: complete(1, 1, 1, 1), lambda: failed(3, error="e")])
def test_deadline_does_not_hide_how_a_search_ended(trials: Callable[[], Trials]) -> None:
    assert stop_reason(trials(), replace(SEARCH, deadline=time.time() - 1, target=0.5)) in (
        "n_trials",
        "max_failure_rate",
    )
