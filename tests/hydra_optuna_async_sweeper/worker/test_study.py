"""What samplers and pruners see of a study in which the best trials were confirmed."""

from typing import cast

import pytest
from optuna import Study
from optuna.distributions import FloatDistribution
from optuna.pruners import HyperbandPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper.worker._study import OfSearch, Searched
from hydra_plugins.hydra_search.trials import CONFIRMS

X = FloatDistribution(0.0, 1.0)


def study_of(*, hyperband: bool, confirmed: bool) -> Study:
    storage = InMemoryStorage()
    study_id = storage.create_new_study([StudyDirection.MINIMIZE], "s")
    for i in range(12):
        x = i / 12
        storage.create_new_trial(study_id, create_trial(params={"x": x}, distributions={"x": X}, value=abs(x - 0.3)))
    for _ in range(9 if confirmed else 0):  # what TPE would run after, if it saw them
        attributes = {CONFIRMS: {"trial": 11, "override": "seed=1"}}
        trial = create_trial(params={"x": 11 / 12}, distributions={"x": X}, value=-5.0, user_attrs=attributes)
        storage.create_new_trial(study_id, trial)
    sampler = TPESampler(seed=3, n_startup_trials=5)
    pruner = HyperbandPruner(max_resource=9) if hyperband else NopPruner()
    return Study("s", cast("BaseStorage", OfSearch(storage)), sampler, pruner)


@pytest.mark.parametrize("hyperband", [False, True])
def test_sampler_draws_as_if_nothing_had_been_confirmed(hyperband: bool) -> None:
    with_them, without = (study_of(hyperband=hyperband, confirmed=confirmed) for confirmed in (True, False))
    drawn = [study.ask({"x": X}).params["x"] for study in (with_them, without)]
    if hyperband:  # the trial's number decides which bracket it is compared with
        assert drawn[0] < 0.9
    else:
        assert drawn[0] == drawn[1]
    assert [t.number for t in with_them.get_trials(states=[TrialState.COMPLETE])] == list(range(12))


def test_best_trial_of_a_pruner_is_one_of_the_search() -> None:
    assert study_of(hyperband=False, confirmed=True).best_trial.number == 4


def test_study_stands_still_for_as_long_as_a_trial_is_drawn() -> None:
    storage = InMemoryStorage()
    study_id = storage.create_new_study([StudyDirection.MINIMIZE], "s")
    seen = OfSearch(storage)
    with seen.still():
        assert seen.get_all_trials(study_id, deepcopy=False) == []
        storage.create_new_trial(study_id)
        for states in (None, [TrialState.RUNNING]):
            assert seen.get_all_trials(study_id, deepcopy=False, states=states) == []
    assert len(seen.get_all_trials(study_id, deepcopy=False)) == 1


def test_trials_of_the_search_are_told_from_confirming_ones_at_every_look_of_a_growing_study() -> None:
    confirming = create_trial(value=1.0, user_attrs={CONFIRMS: {"trial": 0, "override": "seed=1"}})
    own = [create_trial(value=float(n)) for n in range(5)]
    searched = Searched()
    assert searched.of(own[:2]) == own[:2]
    assert searched.of([*own[:2], confirming, own[2]]) == own[:3]
    assert searched.of([*own[:2], confirming, *own[2:], confirming]) == own
    assert searched.of(own[:3]) == own[:3], "a crashed server has forgotten the confirming ones"
