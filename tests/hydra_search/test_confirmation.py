"""What repeated runs say of a trial: mean, spread, order, and whether the first place is clear."""

import pytest

from hydra_plugins.hydra_search.confirmation import Confirmed, confirmed, confirmed_first, first_place
from hydra_plugins.hydra_search.trials import CONFIRMS, Outcome, best_trials, finished, outcome_of, over, reason_of
from tests.searches import made_up


def runs(*values: float) -> Confirmed:
    return Confirmed({f"seed={i}": value for i, value in enumerate(values)})


def test_mean_and_sample_deviation() -> None:
    assert (runs(1.0, 2.0, 6.0).mean, runs(1.0, 3.0).std, runs(4.0).std) == (3.0, pytest.approx(2**0.5), 0.0)


def test_runs_that_are_equal_but_for_rounding_have_no_deviation() -> None:
    assert runs(0.95 + 2e-16, 0.95, 0.95).std == 0.0


def test_trial_of_which_a_run_is_missing_is_not_confirmed_and_another_keys_runs_are_of_an_earlier_kind() -> None:
    whole = [(1, "seed=1", 0.5), (2, "seed=1", 0.4), (1, "seed=2", 0.7)]
    assert confirmed(whole) == {1: Confirmed({"seed=1": 0.5, "seed=2": 0.7})}
    later = [*whole, (2, "fold=0", 0.1)]
    assert confirmed(later) == {2: Confirmed({"fold=0": 0.1})}
    assert confirmed([]) == {}


@pytest.mark.parametrize(("maximize", "order"), [(True, [2, 1, 0, 3]), (False, [1, 2, 0, 3])])
def test_confirmed_come_first_by_their_means_and_the_others_as_they_are_ranked(
    maximize: bool, order: list[int]
) -> None:
    found = {1: runs(0.1, 0.3), 2: runs(0.4, 0.4)}
    assert confirmed_first([0, 1, 2, 3], lambda number: number, found, maximize=maximize) == order


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([], ""),
        ([runs(0.5, 0.61, 0.52)], "trial 7 is clear (p"),
        ([runs(0.5, 0.61, 0.52), runs(0.9, 0.7, 0.82)], "trial 7 is not clear: trial 1 may be as good (p"),
        ([runs(0.89, 0.79, 0.84)], "trial 7 is clear (p < 0.001"),  # always as much worse
        ([runs(0.9, 0.8, 0.85)], "trial 7 is not clear: trial 0"),  # always equal
        ([runs(0.9 - 1e-16, 0.8 - 1e-16, 0.85 - 1e-16)], "trial 7 is not clear: trial 0"),  # but for a sum's order
    ],
)
def test_first_place_is_clear_if_it_beats_each_other_pair_by_pair(others: list[Confirmed], said: str) -> None:
    sentence = first_place([(7, runs(0.9, 0.8, 0.85)), *enumerate(others)])
    assert said in sentence and bool(sentence) is bool(others)


def test_one_run_each_does_not_tell() -> None:
    assert first_place([(7, runs(0.9)), (8, runs(0.1))]).startswith("One run each does not tell")


def test_confirming_trials_are_no_part_of_the_search_and_decide_who_is_first() -> None:
    trials = [made_up(0, values=[0.9]), made_up(1, values=[0.8]), made_up(2, values=[0.7])]
    for number, value in ((0, 0.5), (1, 0.6)):
        trials.append(made_up(len(trials), values=[value], **{CONFIRMS: {"trial": number, "override": "seed=1"}}))
    assert [t.number for t in best_trials(trials, ["maximize"])] == [1, 0, 2]
    assert [t.number for t in best_trials(trials[:3], ["maximize"])] == [0, 1, 2]
    assert [t.number for t in finished(trials)] == [t.number for t in over(trials, 0)] == [0, 1, 2]
    assert outcome_of(trials[3], 0) is Outcome.CONFIRMING
    assert reason_of(trials[4]) == "confirms trial 1, with seed=1"
