"""What becomes of a search by what people wish of it."""

import math
from dataclasses import asdict, replace

import pytest

from hydra_plugins.hydra_optuna_async_sweeper.search._stop import stop_reason
from hydra_plugins.hydra_optuna_async_sweeper.search._tally import Tally
from hydra_plugins.hydra_optuna_async_sweeper.search._wished import as_wished, of_others
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.wishes import Wish, make_wish
from tests.sweeps import made_up_search

BEGUN = made_up_search(n_trials=4, timeout=1e9)
ELSEWHERE = Owner("elsewhere", 1, 0.0)


def attributes_of(*wishes: Wish) -> dict[str, object]:
    return {f"wish:{wish.concern}": {k: v for k, v in asdict(wish).items() if k != "concern"} for wish in wishes}


def wished(**values: object) -> dict[str, object]:
    return attributes_of(*(make_wish(concern, value) for concern, value in values.items()))


def test_nothing_wished_leaves_the_search_as_it_was_begun() -> None:
    assert as_wished(BEGUN, {"fingerprint": {}}) == BEGUN


def test_budget_is_set_but_a_grid_has_no_more_than_its_points() -> None:
    attributes = wished(n_trials=9, timeout=None)
    now = as_wished(BEGUN, attributes)
    assert (now.n_trials, now.timeout, now.deadline) == (9, None, math.inf)
    assert as_wished(replace(BEGUN, grid_size=6), attributes).n_trials == 6
    assert as_wished(BEGUN, wished(timeout=5)).deadline == BEGUN.started + 5


@pytest.mark.parametrize("value", ["ten", 0, True, None, 2.5])
def test_budget_that_is_none_is_not_obeyed(value: object) -> None:
    assert as_wished(BEGUN, wished(n_trials=value)).n_trials == 4


@pytest.mark.parametrize(("state", "reason"), [("stop", "stop"), ("cancel", "cancel"), ("pause", None)])
def test_state_that_is_wished_ends_the_search_or_does_not(state: str, reason: str | None) -> None:
    assert stop_reason(Tally(as_wished(BEGUN, wished(state=state)))) == reason
    assert stop_reason(Tally(as_wished(BEGUN, wished(state="resume")))) is None


def test_sweep_that_begins_later_obeys_a_pause_and_nothing_else_that_was_wished_before() -> None:
    old = wished(state="stop", n_trials=9)
    later = replace(BEGUN, heard=of_others(old))
    assert (as_wished(later, old).state, as_wished(later, old).n_trials) == (None, 4)
    assert as_wished(later, old | wished(state="stop")).state == "stop"
    paused = wished(state="pause")
    assert as_wished(replace(BEGUN, heard=of_others(paused)), paused).state == "pause"


@pytest.mark.parametrize("said", [True, False])
def test_worker_elsewhere_takes_the_sweeps_word_for_the_deadline_and_no_clock(said: bool) -> None:
    search = replace(BEGUN, sweeper=ELSEWHERE, started=0.0)
    record = {"owner": {}, "started": 0.0, "n_jobs": 1, "n_trials": 4, "timeout": 60.0, "timed_out": said}
    now = as_wished(search, {f"sweep:{search.key}": record})
    assert stop_reason(Tally(now)) == ("timeout" if said else None)
    assert stop_reason(Tally(replace(search, sweeper=Owner.me()))) == "timeout"
