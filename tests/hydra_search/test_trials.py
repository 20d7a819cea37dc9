"""How a trial ended, and which is the best: every case, since sweeper, report and tracker all ask here."""

import itertools
import math
import random

import pytest
from optuna import create_study
from optuna.trial import FrozenTrial, TrialState, create_trial

from hydra_plugins.hydra_search.trials import (
    INTERRUPTED,
    Outcome,
    best_first,
    best_trials,
    directory_of,
    finished,
    is_feasible,
    outcome_of,
    over,
    reason_of,
)


def test_repetition_is_no_result_of_its_own_and_says_what_it_repeats() -> None:
    ran, repeated = trial(TrialState.COMPLETE, 0.5), trial(TrialState.COMPLETE, 0.5, repeats=3)
    assert finished([repeated, ran]) == [ran] == over([repeated, ran], 1)
    assert best_trials([repeated, ran], ["maximize", "minimize"][:1]) == [ran]
    assert reason_of(repeated) == "repeats trial 3"


def trial(state: TrialState, *values: float, **attributes: object) -> FrozenTrial:
    return create_trial(state=state, values=list(values) or None, user_attrs=attributes)


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        (trial(TrialState.COMPLETE, 0.5), Outcome.FINISHED),
        (trial(TrialState.COMPLETE, 0.5, lost="worker lost"), Outcome.FINISHED),
        (trial(TrialState.PRUNED), Outcome.PRUNED),
        (trial(TrialState.COMPLETE, 0.5, repeats=3), Outcome.REPEATED),
        (trial(TrialState.PRUNED, repeats=3), Outcome.REPEATED),
        (trial(TrialState.FAIL, repeats=3, error="the sampler"), Outcome.FAILED),
        (trial(TrialState.RUNNING, repeats=3), Outcome.RUNNING),
        (trial(TrialState.FAIL, error="ValueError"), Outcome.FAILED),
        (trial(TrialState.FAIL), Outcome.FAILED),
        (trial(TrialState.FAIL, lost="worker lost"), Outcome.LOST),
        (trial(TrialState.FAIL, lost="worker lost", retries=1), Outcome.LOST),
        (trial(TrialState.FAIL, lost="worker lost", retries=2), Outcome.FAILED),
        (trial(TrialState.FAIL, lost="worker lost", retries=3), Outcome.FAILED),
        (trial(TrialState.FAIL, lost=INTERRUPTED, retries=2), Outcome.LOST),
        (trial(TrialState.RUNNING), Outcome.RUNNING),
        (trial(TrialState.WAITING), Outcome.WAITING),
    ],
)
def test_outcome_of_a_trial_that_may_be_tried_again_twice(made: FrozenTrial, outcome: Outcome) -> None:
    assert outcome_of(made, max_retries=2) is outcome


def test_without_retries_a_lost_trial_has_failed_unless_it_was_interrupted() -> None:
    assert outcome_of(trial(TrialState.FAIL, lost="worker lost"), 0) is Outcome.FAILED
    assert outcome_of(trial(TrialState.FAIL, lost=INTERRUPTED), 0) is Outcome.LOST


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (trial(TrialState.COMPLETE, 1.0), True), (trial(TrialState.PRUNED), True), (trial(TrialState.FAIL), True),
        (trial(TrialState.FAIL, lost="worker lost"), False), (trial(TrialState.FAIL, lost="x", retries=1), True),
        (trial(TrialState.RUNNING), False), (trial(TrialState.WAITING), False),
    ],
)  # fmt: skip
def test_budget_counts_what_has_ended_for_good(outcome: FrozenTrial, counts: bool) -> None:
    assert bool(over([outcome], 1)) is counts


def test_finished_are_those_with_values() -> None:
    good = trial(TrialState.COMPLETE, 0.5)
    assert finished([good, trial(TrialState.PRUNED), trial(TrialState.RUNNING), trial(TrialState.FAIL)]) == [good]


def test_reason_is_the_jobs_error_before_the_loss() -> None:
    assert reason_of(trial(TrialState.FAIL, error="ValueError: x", lost="worker lost")) == "ValueError: x"
    assert reason_of(trial(TrialState.FAIL, lost="worker lost")) == "worker lost"
    assert reason_of(trial(TrialState.COMPLETE, 1.0)) == ""


def test_directory_is_the_number_unless_the_worker_noted_another() -> None:
    made = trial(TrialState.COMPLETE, 1.0)
    made.number = 7
    assert str(directory_of(made)) == "7"
    assert str(directory_of(made, "/sweep")) == "/sweep/7"
    made.set_user_attr("job_dir", "x=1,y=2")
    assert str(directory_of(made, "/sweep")) == "/sweep/x=1,y=2"


@pytest.mark.parametrize(("direction", "order"), [("maximize", [1, 3, 0, 2]), ("minimize", [2, 0, 1, 3])])
def test_best_comes_first_and_of_equals_the_earlier(direction: str, order: list[int]) -> None:
    values = [(0.5,), (0.9,), (0.1,), (0.9,)]
    assert best_first(range(4), values.__getitem__, [direction]) == order


def test_trials_without_values_are_not_ranked() -> None:
    one, other = trial(TrialState.COMPLETE, 0.5), trial(TrialState.COMPLETE, 0.7)
    trials = [one, trial(TrialState.PRUNED), other, trial(TrialState.FAIL), trial(TrialState.RUNNING)]
    assert best_trials(trials, ["maximize"]) == [other, one]
    assert best_trials([trial(TrialState.FAIL)], ["maximize"]) == []
    assert best_trials([], ["maximize", "minimize"]) == []


def test_front_keeps_all_equals_in_the_order_in_which_they_came() -> None:
    values = [(1.0, 1.0), (0.0, 2.0), (1.0, 1.0), (2.0, 2.0), (0.0, 2.0)]
    assert best_first(range(5), values.__getitem__, ["minimize", "minimize"]) == [0, 1, 2, 4]


@pytest.mark.parametrize("directions", list(itertools.product(["maximize", "minimize"], repeat=3)))
def test_front_is_optunas(directions: tuple[str, ...]) -> None:
    draw = random.Random(3)
    study = create_study(directions=directions)
    trials = [trial(TrialState.COMPLETE, *(float(draw.randrange(6)) for _ in directions)) for _ in range(80)]
    study.add_trials([*trials, trial(TrialState.PRUNED)])
    expected = {found.number for found in study.best_trials}
    found = [t.number for t in best_trials(study.trials, directions)]
    assert set(found) == expected and found == sorted(found)


def constrained(value: float, *constraints: float, named: bool = False, second: float | None = None) -> FrozenTrial:
    attributes = {f"constraints:{i}": c for i, c in enumerate(constraints)} if named else {"constraints": constraints}
    values = [value] if second is None else [value, second]
    return create_trial(values=values, system_attrs=attributes if constraints else {})


@pytest.mark.parametrize("named", [False, True])
def test_trials_that_keep_the_constraints_come_before_those_that_break_them(named: bool) -> None:
    given = [(0.9, 0.1, -1), (0.5, 0, -1), (1.0, 0.01), (0.6, -1), (2.0,), (0.7, math.nan)]
    trials = [constrained(*numbers, named=named) for numbers in given]
    assert [t.value for t in best_trials(trials, ["maximize"])] == [0.6, 0.5, 1.0, 0.9, 2.0, 0.7]
    assert [is_feasible(t) for t in trials] == [False, True, False, True, True, False]
    study = create_study(direction="maximize")
    study.add_trials(trials[:4])
    assert study.best_trial.value == 0.6, "as Optuna"


def test_front_is_of_trials_that_keep_the_constraints_and_else_of_those_that_break_them_least() -> None:
    best, kept = constrained(0.9, 0.5, second=0.9), constrained(0.1, -1, second=0.2)
    assert best_trials([best, kept], ["maximize"] * 2) == [kept]
    worse = constrained(1.0, 0.6, second=1.0)
    assert best_trials([worse, best], ["maximize"] * 2) == [best]
