"""The curves of searches side by side: by trials in the order of their end, and by a clock without interruptions."""

from datetime import timedelta

import pytest
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search_report._best_so_far import best_so_far, clock_of, value_within
from tests.searches import START, made_up


def course(trials: list[FrozenTrial], direction: str = "maximize") -> list[tuple[int, float, float, int]]:
    return [(p.over, p.seconds, p.value, p.trial) for p in best_so_far(trials, 0, direction, max_retries=2)]


def broken(number: int, value: float, by: float, **when: float) -> FrozenTrial:
    trial = made_up(number, values=[value], **when)
    trial.system_attrs["constraints"] = [by]
    return trial


def test_curve_steps_where_a_trial_is_better_and_ends_with_the_last_that_is_over() -> None:
    trials = [
        made_up(0, values=[0.5], start=0, seconds=10), made_up(1, values=[0.7], start=0, seconds=2),
        made_up(2, TrialState.PRUNED, start=2, seconds=2), made_up(3, TrialState.FAIL, start=4, seconds=2),
        made_up(4, values=[0.6], start=6, seconds=2), made_up(5, values=[0.9], start=8, seconds=12),
        made_up(6, TrialState.WAITING),
    ]  # fmt: skip
    assert course(trials) == [(1, 2.0, 0.7, 1), (6, 20.0, 0.9, 5), (6, 20.0, 0.9, 5)]
    assert course(trials, "minimize") == [(1, 2.0, 0.7, 1), (4, 8.0, 0.6, 4), (5, 10.0, 0.5, 0), (6, 20.0, 0.5, 0)]


@pytest.mark.parametrize(
    "trials",
    [
        [],
        [made_up(0, TrialState.WAITING)],
        [made_up(0, TrialState.RUNNING)],
        [made_up(0, TrialState.FAIL), made_up(1, TrialState.PRUNED)],
        [made_up(0, values=[float("nan")]), made_up(1, values=[float("inf")])],
        [broken(0, 1.0, by=0.1)],
    ],
)
def test_search_without_a_value_that_counts_has_no_curve(trials: list[FrozenTrial]) -> None:
    assert course(trials) == []


def test_trials_that_break_constraints_repeat_others_or_confirm_others_are_not_on_the_curve() -> None:
    kept, better = broken(0, 0.5, by=-1, start=0, seconds=1), broken(1, 0.9, by=1, start=1, seconds=1)
    unknown = made_up(2, values=[0.8], start=2, seconds=1)
    again = made_up(3, values=[0.5], start=3, seconds=1, repeats=0)
    confirms = made_up(4, values=[0.99], start=4, seconds=100, confirms={"trial": 0, "override": "seed=1"})
    assert course([kept, better, unknown, again, confirms]) == [(1, 1.0, 0.5, 0), (3, 4.0, 0.5, 0)]


def test_clock_stands_still_between_two_sweeps_and_goes_on_within_one() -> None:
    first = [made_up(n, values=[n], worker=7, sweeper=1, start=10.0 * n, seconds=4) for n in range(2)]
    resumed = [made_up(n, values=[n], worker=9, sweeper=2, start=1000.0 + 10 * n, seconds=4) for n in range(2, 4)]
    clock = clock_of([*first, *resumed])
    assert clock is not None and clock.total == 14 + 14
    assert [clock.at(START + timedelta(seconds=s)) for s in (-5, 4, 14, 500, 1020, 1024)] == [0, 4, 14, 14, 14, 18]
    assert [point.seconds for point in best_so_far([*first, *resumed], 0, "maximize", 0)] == [4, 14, 18, 28, 28]


def test_sweeps_that_search_at_the_same_time_have_no_interruption() -> None:
    one = [made_up(n, values=[n], worker=7, sweeper=1, start=10.0 * n, seconds=10) for n in range(3)]
    other = [made_up(n, values=[n], worker=9, sweeper=2, start=10.0 * n - 25, seconds=10) for n in range(3, 6)]
    clock = clock_of([*one, *other])
    assert clock is not None and clock.stops == () and clock.total == 35


def test_lost_trial_that_was_closed_days_later_ends_with_its_last_beat() -> None:
    beat = (START + timedelta(seconds=30)).timestamp()
    lost = made_up(0, TrialState.FAIL, worker=7, sweeper=1, start=0, seconds=9e5, lost="killed", beat=[3, beat])
    silent = made_up(1, TrialState.FAIL, worker=7, sweeper=1, start=5, seconds=9e5, lost="killed")
    again = made_up(2, values=[1.0], worker=9, sweeper=2, start=9e5, seconds=10)
    assert course([lost, silent, again]) == [(1, 40.0, 1.0, 2), (1, 40.0, 1.0, 2)]


def test_running_trial_counts_up_to_its_last_beat() -> None:
    beat = (START + timedelta(seconds=30)).timestamp()
    clock = clock_of([made_up(0, TrialState.RUNNING, worker=7, start=0, beat=[3, beat])])
    assert clock is not None and clock.total == 30


def test_value_within_a_budget_is_the_best_so_far_then() -> None:
    points = best_so_far([made_up(n, values=[n], start=10.0 * n, seconds=10) for n in range(4)], 0, "maximize", 0)
    assert value_within(points, 2, 99) == 1
    assert value_within(points, 99, 39) == 2
    assert value_within(points, 99, 5) is None
