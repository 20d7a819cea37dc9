"""The sampler of each trial: its seeds, its place in a sequence, and what is refused before the first trial."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from optuna import Study, Trial
from optuna.distributions import FloatDistribution
from optuna.pruners import NopPruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper._upstream import inner_samplers
from hydra_plugins.hydra_optuna_async_sweeper.space._tree import parse_space
from hydra_plugins.hydra_optuna_async_sweeper.worker._sampler import Plain, Samplers, everywhere, try_sampler
from hydra_plugins.hydra_search.errors import BadInput
from hydra_plugins.hydra_search.trials import FIXED, RETRY_OF
from tests.conftest import NO_UPSTREAM

BRANCHES = parse_space({"x": "interval(0.0, 1.0)", "b": {"choices": {"p": {"u": "interval(0.0, 1.0)"}, "q": {}}}})
FLAT = parse_space({"x": "interval(0.0, 1.0)", "y": "interval(0.0, 1.0)"})
UPSTREAM = "hydra_plugins.hydra_optuna_sweeper._impl"
OF_1_4 = pytest.mark.only_on_hydra_1_4(NO_UPSTREAM)


def target(name: str, **settings: object) -> dict[str, object]:
    return {"_target_": f"optuna.samplers.{name}", **settings}


pytestmark = pytest.mark.filterwarnings("ignore")  # Optuna says which of its arguments are experimental


class Search:
    """A study in memory, whose trials are drawn as a worker draws them."""

    def __init__(self, spec: Plain, space: Any = FLAT, objectives: int = 1) -> None:
        self.space = space
        self.samplers = Samplers(spec, everywhere(space), "s")
        self.storage = InMemoryStorage()
        self.id = self.storage.create_new_study([StudyDirection.MINIMIZE] * objectives, "s")
        self.objectives = objectives

    def draw(self, extend: Callable[[Trial], object] = lambda trial: None, **waiting: Any) -> dict[str, Any]:
        trial_id = self.storage.create_new_trial(self.id, create_trial(state=TrialState.WAITING, **waiting))
        self.storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        number = self.storage.get_trial(trial_id).number
        study = Study("s", self.storage, self.samplers.of_trial(number), NopPruner())
        trial = Trial(study, trial_id)
        self.space.suggest(trial)
        extend(trial)
        study.tell(trial, [sum(v for v in trial.params.values() if isinstance(v, float))] * self.objectives)
        return trial.params


QMC = {"qmc_type": "sobol", "warn_independent_sampling": False}


@pytest.mark.parametrize("scramble", [False, True])
def test_qmc_draws_a_point_of_its_own_for_each_trial_of_a_branch_and_of_a_custom_space(scramble: bool) -> None:
    search = Search(target("QMCSampler", seed=1, scramble=scramble, **QMC), BRANCHES)
    points = [search.draw(lambda trial: trial.suggest_float("own", 0, 1)) for _ in range(24)]
    branch = [point["u"] for point in points if "u" in point]
    assert len(set(branch)) == len(branch) > 4
    assert len({point["own"] for point in points}) == 24


def test_qmc_without_a_seed_draws_one_scrambled_sequence_in_all_workers() -> None:
    spec = target("QMCSampler", seed=None, scramble=True, **QMC)
    assert Search(spec).draw() == Search(spec).draw()


def test_qmc_points_are_numbered_without_holes_by_retries_and_enqueued_trials() -> None:
    spec = target("QMCSampler", seed=1, **QMC)
    plain = Search(spec)
    sequence = [plain.draw() for _ in range(4)]
    search = Search(spec)
    assert search.draw() == sequence[0]
    search.draw(system_attrs={FIXED: {"x": 0.123}})
    assert search.draw() == sequence[1]
    repeated = search.draw(system_attrs={FIXED: {}}, user_attrs={RETRY_OF: 2})
    assert repeated == sequence[1], "it was lost before it was drawn"
    assert [search.draw(), search.draw()] == sequence[2:]


@pytest.mark.parametrize(
    "spec",
    [
        target("TPESampler"),
        target("NSGAIISampler"),
        target("NSGAIIISampler"),
        pytest.param({"_target_": f"{UPSTREAM}.create_nsgaii_sampler", "mutation": None}, marks=OF_1_4),
        pytest.param({"_target_": f"{UPSTREAM}.create_nsgaiii_sampler"}, marks=OF_1_4),
        target("CmaEsSampler"),
        target("GPSampler"),
        target("QMCSampler"),
        target("QMCSampler", independent_sampler=target("TPESampler")),
        target("PartialFixedSampler", fixed_params={"x": 0.5}, base_sampler=target("TPESampler")),
    ],
    ids=str,
)
def test_no_two_generators_of_a_search_begin_with_one_seed(spec: Plain) -> None:
    samplers = Samplers({**spec, "seed": 7}, {})
    drawn = [number for trial in range(3) for number in first_numbers(samplers.of_trial(trial))]
    assert len(set(drawn)) == len(drawn) >= 3
    again = Samplers({**spec, "seed": 7}, {})
    assert drawn[: len(drawn) // 3] == first_numbers(again.of_trial(0)), "a trial draws the same in any worker"


def first_numbers(sampler: BaseSampler) -> list[float]:
    """Return the first number of each random generator inside a sampler."""
    generators = [
        getattr(each, name) for each in inner_samplers(sampler) for name in ("_rng", "_cma_rng") if hasattr(each, name)
    ]
    return [float(generator.rng.rand()) for generator in generators]


def test_sampler_that_takes_no_seed_has_those_inside_it_seeded() -> None:
    spec = target("PartialFixedSampler", seed=3, fixed_params={"y": 0.25}, base_sampler=target("RandomSampler"))
    search, again = Search(spec), Search(spec)
    points = [search.draw() for _ in range(3)]
    assert points == [again.draw() for _ in range(3)]
    assert {point["y"] for point in points} == {0.25} and len({point["x"] for point in points}) == 3


def test_sampler_of_optuna_is_new_for_each_trial() -> None:
    samplers = Samplers(target("TPESampler", seed=1), {})
    assert not samplers.has_state and samplers.of_trial(0) is not samplers.of_trial(1)


@pytest.mark.parametrize("space", [FLAT, BRANCHES], ids=["flat", "branches"])
@pytest.mark.parametrize(
    "spec",
    [
        target("TPESampler", seed=1, multivariate=True, n_startup_trials=3),
        target("NSGAIISampler", seed=1, population_size=4),
    ],
    ids=["tpe", "nsga2"],
)
def test_worker_draws_from_what_it_has_read_before_as_one_that_has_just_started(spec: Plain, space: Any) -> None:
    one, others = Search(spec, space), Search(spec, space)
    for _ in range(15):
        others.samplers = Samplers(spec, everywhere(space), "s")
        assert one.draw() == others.draw()


@pytest.mark.parametrize(
    ("spec", "objectives", "reason"),
    [
        (target("CmaEsSampler", seed=1), 2, "multi-objective"),
        (target("BruteForceSampler", seed=1), 1, "step"),
        (target("TPESampler", seed=1, n_startup_trials="many"), 1, "not supported between|int"),
    ],
    ids=str,
)
def test_sampler_that_can_draw_no_trial_of_the_search_raises_before_the_first(
    spec: Plain, objectives: int, reason: str
) -> None:
    with pytest.raises(Exception, match=reason):
        try_sampler(spec, FLAT, ["minimize"] * objectives, NopPruner())


@pytest.mark.parametrize(("name", "package"), [("CmaEsSampler", "cmaes"), ("GPSampler", "torch")])
def test_sampler_whose_package_is_missing_is_refused_with_the_command_that_installs_it(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as where it is not installed
    for spec in (target(name), target("PartialFixedSampler", fixed_params={}, base_sampler=target(name))):
        with pytest.raises(BadInput, match=f"not installed, got {name}. Install it: pip install {package}$"):
            try_sampler(spec, FLAT, ["minimize"], NopPruner())


def test_space_of_every_trial_is_what_no_branch_owns() -> None:
    assert set(everywhere(BRANCHES)) == {"x", "b"}
    assert everywhere(FLAT)["x"] == FloatDistribution(0, 1)
    assert type(Samplers(target("GridSampler", _partial_=True, seed=1), {}).of_trial(0)) is RandomSampler
