"""Points that another trial has: drawn again, given the known end, or run, as the user wants."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from optuna import Trial
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper.space._tree import parse_space
from hydra_plugins.hydra_optuna_async_sweeper.worker._draw import Drawn, Points, draw, wait_for
from hydra_plugins.hydra_optuna_async_sweeper.worker._sampler import Samplers, everywhere
from hydra_plugins.hydra_optuna_async_sweeper.worker._study import StudyOfTrial
from hydra_plugins.hydra_search.owner import Owner, is_ours
from hydra_plugins.hydra_search.secrets import Secrets
from hydra_plugins.hydra_search.trials import FIXED, REPEATS, WORKER
from tests.sweeps import made_up_search

SPACE = parse_space({"x": "choice(1, 2, 3, 4)", "b": {"choices": {"p": {"u": "range(0, 3)"}, "q": {}}}})
SIZE = 16
TPE = {"_target_": "optuna.samplers.TPESampler", "seed": 3, "n_startup_trials": 2}
QMC = {"_target_": "optuna.samplers.QMCSampler", "seed": 3, "warn_independent_sampling": False}

pytestmark = pytest.mark.filterwarnings("ignore")  # Optuna says which of its arguments are experimental


class Search:
    """A study whose trials are drawn as a worker draws them."""

    def __init__(self, spec: Mapping[str, object] = TPE, storage: BaseStorage | None = None) -> None:
        self.samplers = Samplers(spec, everywhere(SPACE), "s")
        self.storage = storage or InMemoryStorage()
        self.id = self.storage.create_new_study([StudyDirection.MINIMIZE], "s")
        self.study = StudyOfTrial(
            made_up_search(),
            self.storage,
            RandomSampler(),
            NopPruner(),
            create_trial(state=TrialState.WAITING),
            Secrets(),
        )
        self.points = Points()

    def claim(self, **waiting: Any) -> FrozenTrial:
        trial_id = self.storage.create_new_trial(self.id, create_trial(state=TrialState.WAITING, **waiting))
        self.storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        self.storage.set_trial_user_attr(trial_id, WORKER, Owner.me().as_attribute())
        return self.storage.get_trial(trial_id)

    def draw(self, duplicates: str, claimed: FrozenTrial | None = None) -> Drawn:
        claimed = claimed or self.claim()
        return draw(self.study, claimed, self.samplers.of_trial, SPACE.suggest, duplicates, self.points)

    def run(self, duplicates: str, **waiting: Any) -> Drawn:
        drawn = self.draw(duplicates, self.claim(**waiting))
        drawn.held.release()
        self.study.tell(drawn.trial.number, float(drawn.trial.params["x"]))
        return drawn


@pytest.mark.parametrize(("spec", "count"), [(TPE, SIZE - 4), (QMC, 6)], ids=["tpe", "qmc"])
def test_most_of_a_small_space_is_drawn_once_before_a_point_is_repeated(spec: Mapping[str, object], count: int) -> None:
    search, again = Search(spec), Search(spec)
    drawn = [search.run("resample") for _ in range(count)]
    assert not any(each.known for each in drawn)
    assert [each.overrides for each in drawn] == [again.run("resample").overrides for _ in drawn], "whoever draws"


def test_reuse_names_the_first_trial_that_has_the_point_and_run_never_does() -> None:
    search = Search()
    repeated = {each.trial.number: each for each in (search.run("reuse") for _ in range(SIZE + 1)) if each.known}
    assert repeated
    for each in repeated.values():
        assert each.known and each.known.params == each.trial.params and each.known.number not in repeated
    assert not any(Search().run("run").known for _ in range(SIZE + 1))


def test_what_somebody_has_set_is_never_taken_for_a_repetition() -> None:
    search = Search()
    params = search.run("resample").trial.params
    again = search.run("resample", system_attrs={FIXED: params})
    assert again.trial.params == params and again.known is None


def test_draw_that_is_thrown_away_leaves_nothing_behind(tmp_path: Path) -> None:
    search = Search(storage=JournalStorage(JournalFileBackend(str(tmp_path / "journal"))))
    for _ in range(SIZE - 6):
        drawn = search.run("resample")
        assert search.study.get_trials()[drawn.trial.number].params == drawn.trial.params
        assert ("u" in drawn.trial.params) is (drawn.trial.params["b"] == "p")


def test_trial_waits_for_an_earlier_one_with_its_point_and_never_for_a_later_one() -> None:
    search = Search({**TPE, "seed": None})
    one_point = parse_space({"x": "choice(1)"})
    first, second, third = (
        draw(search.study, search.claim(), search.samplers.of_trial, one_point.suggest, "reuse", search.points)
        for _ in range(3)
    )
    assert first.known is second.known is third.known is None, "nothing is written yet"

    def redrawn() -> Drawn:
        claimed = search.storage.get_trial(second.trial._trial_id)
        return draw(search.study, claimed, search.samplers.of_trial, one_point.suggest, "reuse", search.points)

    third.held.release()
    again = redrawn()
    assert again.known and again.known.number == 2 and wait_for(search.study, again, search.points) is None
    first.held.release()
    again = redrawn()
    known = wait_for(search.study, again, search.points, lambda _: search.study.tell(0, 0.5) and None)
    assert known and known.number == 0 and known.values == [0.5]


def test_point_is_found_whatever_has_become_of_the_trials_since_the_last_look() -> None:
    """As by a search through all trials: they are drawn in one order and end in another, or are lost."""
    for seed in range(10):
        chance, search = random.Random(seed), Search()
        space = {"x": CategoricalDistribution([1, 2, None]), "y": IntDistribution(0, 1)}
        held: list[int] = []
        for _ in range(60):
            if not held or chance.random() < 0.5:
                held.append(search.claim()._trial_id)
                if chance.random() < 0.2:
                    search.storage.set_trial_user_attr(held[-1], REPEATS, 0)
            elif chance.random() < 0.5:
                trial = Trial(search.study, chance.choice(held))
                for name in list(space)[: chance.choice([1, 2])]:
                    trial._suggest(name, space[name])
            else:
                ended = held.pop(chance.randrange(len(held)))
                state = chance.choice([TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL])
                search.storage.set_trial_state_values(ended, state, [0.0] if state is TrialState.COMPLETE else None)
            wanted = search.study.ask()
            for name in list(space)[: chance.choice([0, 1, 2])]:
                wanted._suggest(name, space[name])
            same = [
                t for t in search.study.trials if t.params == wanted.params and t.number != wanted.number and t.params
            ]
            closed = (TrialState.COMPLETE, TrialState.PRUNED)
            may_tell = [t for t in same if REPEATS not in t.user_attrs]
            may_tell = [t for t in may_tell if t.state in closed or (t.state is TrialState.RUNNING and is_ours(t))]
            assert search.points.known(search.study, wanted) == (may_tell[0] if may_tell else None)


@pytest.mark.filterwarnings("ignore")
def test_point_with_a_value_that_no_dictionary_takes_for_a_key_is_found_too() -> None:
    search, space = Search(), {"x": CategoricalDistribution([[1], [2]])}  # type: ignore[list-item]  # Optuna warns
    points = [search.study.ask(space) for _ in range(9)]
    for trial in points[:8]:
        search.study.tell(trial, 0.0)
    first = next(t for t in search.study.trials if t.params == points[8].params)
    assert search.points.known(search.study, points[8]) == first
