"""The private names that the sweeper uses: each test fails when the name goes, or means something else."""

import logging
import pickle
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import RunMode
from omegaconf import OmegaConf, open_dict
from optuna import create_study
from optuna.distributions import FloatDistribution
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner
from optuna.samplers import NSGAIISampler, PartialFixedSampler, QMCSampler, RandomSampler, TPESampler
from optuna.search_space import IntersectionSearchSpace
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial, TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper._upstream import (
    HeldBack,
    after_trial,
    apply_values,
    carry_search_space,
    flush_loggers,
    hidden_hydra,
    inner_samplers,
    keep_traceback,
    name_overrides,
    pickled,
    pickled_resolvers,
    register_resolvers,
    returned,
    separate_generators,
    take_sample,
    trial_id,
)
from hydra_plugins.hydra_search.hydra_line import register_resolver
from tests.conftest import APPS
from tests.hydra_lines import TODAYS


@pytest.fixture
def loader() -> Iterator[ConfigLoader]:
    with initialize_config_dir(str(APPS / "quadratic"), job_name="quadratic", **TODAYS):
        yield GlobalHydra.instance().config_loader()


def test_hydra_node_alone_is_the_same_one_and_refers_to_the_rest(loader: ConfigLoader) -> None:
    config = loader.load_configuration(
        "asynchronous", ["hydra.job.name=${depth}", "depth=5"], run_mode=RunMode.MULTIRUN
    )
    hidden = hidden_hydra(config)
    assert hidden.hydra is config.hydra and list(hidden) == ["hydra"]
    assert hidden.hydra.job.name == config.hydra.job.name == "5", "interpolations in it find the rest"
    HydraConfig.instance().set_config(config)
    copied: Any = HydraConfig.instance().cfg
    HydraConfig.instance().cfg = None
    assert OmegaConf.to_container(copied) == OmegaConf.to_container(hidden)
    assert copied.hydra.job.name == "5"


def test_every_handler_writes_what_it_has() -> None:
    target = logging.StreamHandler(StringIO())
    handler = MemoryHandler(100, target=target)
    handler.handle(logging.makeLogRecord({"msg": "kept", "levelno": logging.INFO}))
    assert not target.stream.getvalue()
    flush_loggers()
    assert target.stream.getvalue() == "kept\n"
    handler.close()


@pytest.mark.only_on_hydra_1_4("Hydra 1.3 leaves tracebacks behind")
def test_traceback_travels_with_a_job_that_has_failed() -> None:
    job = JobReturn(status=JobStatus.FAILED)
    try:
        raise ValueError("of the job") from KeyError("before")
    except ValueError as error:
        job.return_value = error
        keep_traceback(job, error)
    with pytest.raises(ValueError, match="of the job") as raised:
        _ = pickle.loads(pickle.dumps(job)).return_value
    assert type(raised.value.__cause__).__name__ == "KeyError"
    assert raised.traceback[-1].name == "test_traceback_travels_with_a_job_that_has_failed"


def test_configuration_with_a_class_that_a_name_does_not_find_is_pickled_all_the_same() -> None:
    @dataclass
    class Local:
        sizes: list[int] = field(default_factory=lambda: [1])

    config = pickle.loads(pickled(OmegaConf.create({"node": OmegaConf.structured(Local)})))
    assert OmegaConf.to_object(config.node) == Local([1]), "the class itself, with its defaults"


def test_resolvers_of_the_application_travel() -> None:
    register_resolver("twice_as_much", lambda n: 2 * n)
    travels = pickled_resolvers()
    OmegaConf.clear_resolver("twice_as_much")
    register_resolvers(travels)
    assert OmegaConf.create({"n": "${twice_as_much:4}"}).n == 8
    OmegaConf.clear_resolver("twice_as_much")


def test_applied_overrides_are_those_of_a_composed_config(loader: ConfigLoader) -> None:
    lines = ["depth=7", "+extra.nested=[1, 2]", "++x=0.5", "~sleep"]
    config = loader.load_configuration("asynchronous", [], run_mode=RunMode.MULTIRUN)
    expected = loader.load_sweep_config(config, lines)
    job = loader.load_sweep_config(config, [])
    apply_values(OverridesParser.create().parse_overrides(lines), job)
    own, composed = (OmegaConf.to_container(config, resolve=False) for config in (job, expected))
    assert own.pop("hydra") != composed.pop("hydra"), "it knows of no overrides"
    assert own == composed and own["extra"] == {"nested": [1, 2]} and "sleep" not in own


def test_name_of_a_jobs_overrides_is_that_of_a_composed_config(loader: ConfigLoader) -> None:
    lines = ["depth=7", "x=0.5"]
    job = loader.load_configuration("asynchronous", [], run_mode=RunMode.MULTIRUN)
    expected = loader.load_sweep_config(job, lines)
    parsed = OverridesParser.create().parse_overrides(lines)
    with open_dict(job.hydra):
        job.hydra.overrides.task = lines
        name_overrides(job.hydra, parsed)
    assert job.hydra.job.override_dirname == expected.hydra.job.override_dirname == "depth=7,x=0.5"


@pytest.mark.parametrize(("status", "value"), [(JobStatus.COMPLETED, 0.5), (JobStatus.FAILED, ValueError("x"))])
def test_what_a_job_returned_is_had_without_raising_it(status: JobStatus, value: object) -> None:
    job = JobReturn(status=status)
    job.return_value = value
    assert returned(job) is value


def test_id_of_a_trial_is_the_one_that_storages_take() -> None:
    study = create_study()
    study.ask()
    study.ask()
    for trial in study.trials:
        assert Trial(study, trial_id(trial)).number == trial.number
        assert trial_id(Trial(study, trial_id(trial))) == trial_id(trial)


def test_parameters_that_are_held_back_are_in_the_trial_alone_until_they_are_released(tmp_path: Path) -> None:
    # a journal hands out its own trial, which Optuna's Trial writes into
    study = create_study(storage=JournalStorage(JournalFileBackend(str(tmp_path / "journal"))))
    study.ask()
    for seed in (1, 2):
        study.sampler = RandomSampler(seed)
        trial = Trial(study, 0)
        held = HeldBack(trial)
        x = trial.suggest_float("x", 0, 1)
        assert x == RandomSampler(seed).sample_independent(study, study.trials[0], "x", FloatDistribution(0, 1))
        assert trial.params == {"x": x} and study.trials[0].params == {}
    trial.set_user_attr("key", 1)
    held.release()
    trial.suggest_float("y", 0, 1)
    assert study.trials[0].params == trial.params and set(trial.params) == {"x", "y"}
    assert study.trials[0].user_attrs == {"key": 1}


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_sampler_gives_out_the_sample_that_it_is_told_to() -> None:
    space = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}

    def drawn(place: int | None) -> dict[str, float]:
        sampler = QMCSampler(seed=1, scramble=True)
        take_sample(sampler, space, lambda trials, number: place)
        study = create_study(sampler=sampler)
        return study.ask(space).params

    assert drawn(3) == drawn(3) != drawn(4)
    assert drawn(None) == create_study(sampler=RandomSampler(seed=1)).ask(space).params, "independently"
    study = create_study(sampler=QMCSampler(seed=1, scramble=True))
    study.add_trial(create_trial(value=0.0, params={"x": 0.5, "y": 0.5}, distributions=dict(space)))
    assert [study.ask(space).params for _ in range(2)] == [drawn(0), drawn(1)], "Optuna itself counts from 0"


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_samplers_inside_a_sampler_are_found_and_seeded_apart() -> None:
    sampler = PartialFixedSampler({}, QMCSampler(seed=1, independent_sampler=NSGAIISampler(seed=2)))
    kinds = [type(each) for each in inner_samplers(sampler)]
    assert kinds == [PartialFixedSampler, QMCSampler, NSGAIISampler, RandomSampler]
    for each in (TPESampler(seed=1), NSGAIISampler(seed=1)):
        first = each._rng.rng.rand()
        assert each._random_sampler._rng.rng.rand() == first, "Optuna's own begin with one seed"
        separate_generators(each, 5)
        assert each._random_sampler._rng.rng.rand() != first


OPEN, ENDS = (TrialState.WAITING, TrialState.RUNNING), (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@pytest.mark.parametrize("pruner", [NopPruner(), HyperbandPruner(max_resource=9)], ids=["none", "hyperband"])
@pytest.mark.parametrize("kind", [TPESampler, NSGAIISampler])
def test_carried_search_space_is_the_one_that_a_new_sampler_finds(kind: Any, pruner: BasePruner) -> None:
    """In studies whose trials end in any order, not all with the same parameters."""
    settings = {"multivariate": True} if kind is TPESampler else {}
    for seed in range(20):
        chance, carried = random.Random(seed), dict[bool, IntersectionSearchSpace]()
        study = create_study(pruner=pruner)
        for number in range(30):
            n_known = chance.choice([2, 3, 3, 3, 3, 3, 3])
            space = {name: FloatDistribution(0, chance.choice([1, 1, 1, 1, 2])) for name in "xyz"[:n_known]}
            params = dict.fromkeys(space, 0.5)
            study.add_trial(create_trial(state=chance.choice(OPEN), params=params, distributions=dict(space)))
            for trial in study.get_trials(states=OPEN):
                if chance.random() < 0.3:
                    state = chance.choice(ENDS)
                    ended = [0.0] if state is TrialState.COMPLETE else None
                    study._storage.set_trial_state_values(trial._trial_id, state, ended)
            last, fresh, later = study.trials[number], kind(**settings), kind(**settings)
            carry_search_space(later, carried)
            assert later.infer_relative_search_space(study, last) == fresh.infer_relative_search_space(study, last)
            assert later._search_space is carried[kind is TPESampler]


def test_sampler_looks_at_the_end_of_a_trial_before_it_is_written() -> None:
    seen: list[tuple[TrialState, list[float] | None, TrialState]] = []

    class Watching(RandomSampler):
        def after_trial(self, study: Any, trial: Any, state: TrialState, values: Any) -> None:
            seen.append((state, values, study.trials[-1].state))

    for pruner in (NopPruner(), HyperbandPruner(max_resource=9)):
        study = create_study(sampler=Watching(), pruner=pruner)
        trial = study.ask()
        after_trial(study, study.trials[trial.number], TrialState.COMPLETE, [1.0])
        assert seen.pop() == (TrialState.COMPLETE, [1.0], TrialState.RUNNING)
        study.tell(trial, 1.0)
        assert seen.pop() == (TrialState.COMPLETE, [1.0], TrialState.RUNNING), "as Study.tell does it"
