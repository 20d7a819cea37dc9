"""Points that another trial has: drawn again, given the known end, or run, as the user wants."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from optuna import Study
from optuna.pruners import NopPruner
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper.space._tree import parse_space
from hydra_plugins.hydra_optuna_async_sweeper.worker._draw import Drawn, draw, wait_for
from hydra_plugins.hydra_optuna_async_sweeper.worker._sampler import Samplers, everywhere
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.trials import FIXED, WORKER

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
        self.study = Study("s", self.storage, None, NopPruner())

    def claim(self, **waiting: Any) -> FrozenTrial:
        trial_id = self.storage.create_new_trial(self.id, create_trial(state=TrialState.WAITING, **waiting))
        self.storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        self.storage.set_trial_user_attr(trial_id, WORKER, Owner.me().as_attribute())
        return self.storage.get_trial(trial_id)

    def draw(self, duplicates: str, claimed: FrozenTrial | None = None) -> Drawn:
        return draw(self.study, claimed or self.claim(), self.samplers.of_trial, SPACE.suggest, duplicates)

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
        draw(search.study, search.claim(), search.samplers.of_trial, one_point.suggest, "reuse") for _ in range(3)
    )
    assert first.known is second.known is third.known is None, "nothing is written yet"

    def redrawn() -> Drawn:
        claimed = search.storage.get_trial(second.trial._trial_id)
        return draw(search.study, claimed, search.samplers.of_trial, one_point.suggest, "reuse")

    third.held.release()
    again = redrawn()
    assert again.known and again.known.number == 2 and wait_for(search.study, again) is None
    first.held.release()
    again = redrawn()
    known = wait_for(search.study, again, lambda _: search.study.tell(0, 0.5) and None)
    assert known and known.number == 0 and known.values == [0.5]
