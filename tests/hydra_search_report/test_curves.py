import pytest
from optuna.trial import TrialState

from hydra_plugins.hydra_search_report._curves import (
    LEAST_OF_ONE,
    MOST_OF_ONE,
    MOST_POINTS,
    all_curves,
    chosen_at_first,
)
from tests.searches import FACTS, made_up


def test_five_best_that_reported_are_chosen_at_first() -> None:
    trials = [made_up(n, values=[n], curve={1: 0.5} if n % 2 else None) for n in range(14)]
    assert chosen_at_first(FACTS, trials) == [13, 11, 9, 7, 5]


def test_last_ones_are_chosen_as_long_as_none_has_finished() -> None:
    running = [made_up(n, TrialState.RUNNING, curve={1: 0.5}) for n in range(7)]
    assert chosen_at_first(FACTS, running) == [2, 3, 4, 5, 6]


def test_curve_keeps_six_digits_and_a_gap_for_what_no_axis_has_a_place_for() -> None:
    trial = made_up(3, values=[1.0], curve={2: 0.123456789, 0: float("nan"), 1: float("inf")})
    assert all_curves([trial, made_up(4, values=[2.0])]) == {3: ([0, 1, 2], [None, None, 0.123457])}


@pytest.mark.parametrize("count", [1, 1000, 20_000])
def test_long_curves_are_thinned_with_their_first_and_last_step(count: int) -> None:
    trial = made_up(0, values=[1.0], curve={step: float(step) for step in range(5000)})
    curves = all_curves([trial] * (count - 1) + [trial])
    steps, values = curves[0]
    assert LEAST_OF_ONE <= len(steps) <= MOST_OF_ONE and len(steps) * count <= max(MOST_POINTS, LEAST_OF_ONE * count)
    assert (steps[0], steps[-1]) == (0, 4999) and values == steps
