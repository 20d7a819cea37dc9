import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper.search import _stop
from hydra_plugins.hydra_optuna_async_sweeper.search._spec import Search
from hydra_plugins.hydra_optuna_async_sweeper.search._tally import Tally
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.trials import INTERRUPTED, over
from tests.sweeps import made_up_search

SEARCH = made_up_search(n_trials=4, max_failure_rate=0.5, max_retries=2)

Trials = list[FrozenTrial]


def stop_reason(trials: Trials, search: Search) -> str | None:
    """Return what stops the search, which is the same however many looks have shown the trials."""
    at_once, tally = _stop.stop_reason(Tally(search, trials)), Tally(search)
    for shown in range(len(trials) + 1):
        tally.look(trials[:shown])
    assert _stop.stop_reason(tally) == at_once
    return at_once


def complete(*values: float) -> Trials:
    return [create_trial(state=TrialState.COMPLETE, value=value) for value in values]


def failed(number: int = 1, **attributes: object) -> Trials:
    return [create_trial(state=TrialState.FAIL, user_attrs=attributes) for _ in range(number)]


def of_state(state: TrialState, number: int = 1) -> Trials:
    return [create_trial(state=state) for _ in range(number)]


def test_trials_that_are_over_are_what_the_budget_counts() -> None:
    pruned, waiting = of_state(TrialState.PRUNED), of_state(TrialState.WAITING)
    trials = [*complete(0.1), *failed(lost="worker lost"), *pruned, *waiting, *failed(error="e")]
    assert over(trials, 2) == [trials[0], trials[2], trials[4]]


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
def test_reason_follows_from_what_is_over(trials: Trials, reason: str | None) -> None:
    assert stop_reason(trials, SEARCH) == reason


def repeated(number: int, sweeper: Owner) -> Trials:
    attributes = {"repeats": 0, "worker": {"sweeper": sweeper.as_attribute()}}
    return [create_trial(state=TrialState.COMPLETE, value=1, user_attrs=attributes) for _ in range(number)]


def test_search_that_draws_nothing_new_any_more_ends_and_a_resumed_one_draws_first() -> None:
    old, mine = Owner("boot", 1, 1.0), SEARCH.sweeper
    assert stop_reason(complete(1, 2, 3) + repeated(29, mine), SEARCH) is None, "it counts for no budget either"
    assert stop_reason(complete(1, 2, 3) + repeated(30, mine), SEARCH) == "duplicates"
    assert stop_reason(complete(1, 2) + repeated(30, mine) + complete(3), SEARCH) is None
    assert stop_reason(complete(1, 2) + repeated(30, old) + repeated(29, mine), SEARCH) is None
    assert stop_reason(complete(1, 2) + repeated(30, mine) + repeated(1, old), SEARCH) == "duplicates", "two at once"


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


def ended(*values: float | None, state: TrialState = TrialState.COMPLETE) -> Trials:
    """Trials that have ended one after the other; None: pruned."""
    begin = datetime(2026, 1, 1)
    return [
        FrozenTrial(
            number, TrialState.PRUNED if value is None else state, value, begin, begin + timedelta(seconds=number),
            {}, {}, {}, {}, {}, number,
        )
        for number, value in enumerate(values)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("direction", "least", "values", "reason"),
    [
        ("maximize", 0.0, (0.5, 0.4, 0.6), None),
        ("maximize", 0.0, (0.5, 0.4, 0.5), "max_stagnation_trials"),
        ("maximize", 0.2, (0.5, 0.6, 0.7), "max_stagnation_trials"),
        ("minimize", 0.0, (0.5, 0.6, 0.4), None),
        ("minimize", 0.0, (0.5, None, None), "max_stagnation_trials"),
        ("maximize", 0.0, (0.5, None), None),
    ],
)
def test_search_ends_when_so_many_trials_in_a_row_have_bettered_nothing(
    direction: str, least: float, values: tuple[float | None, ...], reason: str | None
) -> None:
    search = replace(
        SEARCH, directions=(direction,), max_stagnation_trials=2, min_improvement=least, max_failure_rate=1.0
    )
    assert stop_reason(ended(*values), search) == reason
    assert stop_reason(ended(*values), replace(search, max_stagnation_trials=None)) is None


def test_stagnation_is_counted_in_the_order_in_which_trials_ended_and_only_what_is_feasible_betters() -> None:
    search = replace(SEARCH, directions=("maximize",), max_stagnation_trials=2)
    slow, *quick = ended(0.9, 0.5, 0.4)
    slow.datetime_complete = datetime(2027, 1, 1)
    assert stop_reason([slow, *quick], search) is None, "the best has ended last"
    first, *better = ended(0.5, 0.6, 0.7)
    for trial in better:
        trial.system_attrs = {"constraints:cost": 1.0}
    assert stop_reason([first, *better], search) == "max_stagnation_trials"


@pytest.mark.parametrize(("seconds", "reason"), [(-1, "timeout"), (60, None)])
def test_search_ends_at_its_deadline(seconds: float, reason: str | None) -> None:
    assert stop_reason(complete(1), replace(SEARCH, timeout=10, started=time.time() - 10 + seconds)) == reason


@pytest.mark.parametrize("trials", [lambda: complete(1, 1, 1, 1), lambda: failed(3, error="e")])
def test_deadline_does_not_hide_how_a_search_ended(trials: Callable[[], Trials]) -> None:
    assert stop_reason(trials(), replace(SEARCH, timeout=10, started=time.time() - 11, target=0.5)) in (
        "n_trials",
        "max_failure_rate",
    )


def failed_in_this_sweep(*reasons: str, by: Owner = SEARCH.sweeper) -> Trials:
    worker = Owner.me().as_attribute() | {"sweeper": by.as_attribute()}
    return [create_trial(state=TrialState.FAIL, user_attrs={"error": reason, "worker": worker}) for reason in reasons]


@pytest.mark.parametrize(
    ("trials", "reason"),
    [
        (failed_in_this_sweep("C must be above 0, got -1.5", "C must be above 0, got -2e-3"), "max_initial_failures"),
        (failed_in_this_sweep("no memory at 0xAF01"), None),
        (failed_in_this_sweep("no memory", "no file"), None),
        (failed_in_this_sweep("no file", "no file") + of_state(TrialState.RUNNING), "max_initial_failures"),
        (failed_in_this_sweep("no file", "no file", by=Owner("elsewhere", 1, 2.0)), None),
        (complete(1.0) + failed_in_this_sweep("no file", "no file"), "max_initial_failures"),
    ],
)
def test_first_trials_that_fail_for_one_reason_end_the_sweep_and_those_of_an_earlier_one_do_not(
    trials: Trials, reason: str | None
) -> None:
    search = replace(SEARCH, max_initial_failures=2, max_failure_rate=1.0)
    assert stop_reason(trials, search) == reason
    assert stop_reason(trials, replace(search, max_initial_failures=None)) is None


def test_one_trial_that_finished_in_this_sweep_lets_it_go_on() -> None:
    worker = Owner.me().as_attribute() | {"sweeper": SEARCH.sweeper.as_attribute()}
    finished = create_trial(state=TrialState.COMPLETE, value=1.0, user_attrs={"worker": worker})
    search = replace(SEARCH, max_initial_failures=2, max_failure_rate=1.0)
    assert stop_reason([finished, *failed_in_this_sweep("no file", "no file")], search) is None


def test_search_ends_when_its_own_sampler_has_nothing_more_to_try() -> None:
    here, other = SEARCH.sweeper.as_attribute(), {**SEARCH.sweeper.as_attribute(), "pid": -1}
    trials = complete(1, 2)
    trials[0].set_user_attr("exhausted", other)
    assert stop_reason(trials, SEARCH) is None, "an earlier search over a smaller space"
    trials[1].set_user_attr("exhausted", here)
    assert stop_reason(trials, SEARCH) == "sampler"


def test_trial_that_breaks_a_constraint_reaches_no_target() -> None:
    search = replace(SEARCH, target=0.5, directions=("maximize",))
    broken = create_trial(value=0.9, system_attrs={"constraints": (0.1,)})
    assert stop_reason([broken], search) is None
    assert stop_reason([broken, create_trial(value=0.6, system_attrs={"constraints": (0.0,)})], search) == "target"
