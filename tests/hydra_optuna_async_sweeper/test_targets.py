"""YAML can make samplers, pruners and storages, the application's own among them, and call nothing else."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import optuna
import pytest

from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import resolve_storage
from hydra_plugins.hydra_optuna_async_sweeper.worker._sampler import Samplers, make_pruner
from hydra_plugins.hydra_search.errors import BadInput
from hydra_plugins.hydra_search.hydra_line import HAS_WHITELIST
from tests.conftest import NO_UPSTREAM

HARMFUL = {"_target_": "os.mkdir", "path": "made"}
RANDOM = {"_target_": "optuna.samplers.RandomSampler"}
MEDIAN = {"_target_": "optuna.pruners.MedianPruner"}


def make_sampler(spec: dict[str, object]) -> object:
    return Samplers(spec, {}).of_trial(0)


def own_strategy(*_: object) -> None:
    """A function of the application."""


class OwnSampler(optuna.samplers.RandomSampler):
    """A sampler of the application."""


def allowed(*names: str) -> AbstractContextManager[object]:
    if not HAS_WHITELIST:
        return nullcontext()
    from hydra.utils import execution_whitelist

    whitelist: AbstractContextManager[object] = execution_whitelist(names)
    return whitelist


@pytest.fixture(autouse=True)
def applications_whitelist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the application lets YAML call is far too much, as `@hydra.main(execution_whitelist=[...])` would say it."""
    monkeypatch.chdir(tmp_path)
    with allowed("os.mkdir", f"{__name__}.OwnSampler"):
        yield
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "spec",
    [
        HARMFUL,
        {**HARMFUL, "_partial_": True},
        {**RANDOM, "seed": HARMFUL},
        {**RANDOM, "seed": [[{"deep": (HARMFUL,)}]]},
        {"_target_": "optuna.samplers.PartialFixedSampler", "fixed_params": {"x": HARMFUL}, "base_sampler": RANDOM},
        MEDIAN,
        {"_target_": "optuna.samplers.nsgaii.UniformCrossover"},
        {"_target_": "optuna.samplers._base._process_constraints_after_trial"},
        {"_target_": "hydra_plugins.hydra_optuna_sweeper._impl.OptunaSweeperImpl"},
        {"_target_": ["optuna.samplers.RandomSampler"]},
        {"_target_": "optuna.samplers.nowhere"},
        {**RANDOM, "seed": {"_target_": "shutil.rmtree", "_partial_": True}},
    ],
)
def test_sampler_that_would_call_something_else_is_not_made(spec: dict[str, object]) -> None:
    refused = (
        r"is no BaseSampler|makes no BaseSampler|whitelist|locating|callable target|Error loading|of Python itself"
    )
    with pytest.raises(Exception, match=refused):
        make_sampler(spec)
    if not spec.get("_partial_"):
        with pytest.raises(Exception, match=refused):
            Samplers(spec, {})


@pytest.mark.parametrize(
    "spec", [HARMFUL, RANDOM, {"_target_": "optuna.pruners.PatientPruner", "wrapped_pruner": HARMFUL}]
)
def test_pruner_that_would_call_something_else_is_not_made(spec: dict[str, object]) -> None:
    with pytest.raises(Exception, match=r"is no BasePruner|whitelist"):
        make_pruner(spec)


@pytest.mark.parametrize(
    "spec",
    [
        HARMFUL,
        {"_target_": "optuna.storages.run_grpc_proxy_server", "storage": None},
        {"_target_": "optuna.storages.fail_stale_trials"},
        {"_target_": "optuna.storages.journal.JournalFileBackend", "file_path": "own.log"},
        {"_target_": "optuna.storages.JournalStorage", "log_storage": HARMFUL},
        {"_target_": "optuna.storages.RDBStorage", "url": "sqlite:///own.db", "engine_kwargs": {"x": [HARMFUL]}},
    ],
)
def test_storage_that_would_call_something_else_is_refused_before_it_is_opened(
    spec: dict[str, object], tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=r"hydra.sweeper.storage: (can't be made|must be null)"):
        resolve_storage(spec, tmp_path, tmp_path)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_own_sampler_its_parts_and_what_is_handed_over_are_made() -> None:
    assert type(make_sampler({"_target_": f"{__name__}.OwnSampler", "seed": 1})) is OwnSampler
    pruner = make_pruner({"_target_": "optuna.pruners.PatientPruner", "wrapped_pruner": MEDIAN, "patience": 1})
    assert isinstance(pruner, optuna.pruners.PatientPruner)
    crossover = {"_target_": "optuna.samplers.nsgaii.UniformCrossover"}
    handed_over = {"_target_": "os.mkdir" if HAS_WHITELIST else f"{__name__}.own_strategy", "_partial_": True}
    spec = {"_target_": "optuna.samplers.NSGAIISampler", "crossover": crossover, "after_trial_strategy": handed_over}
    assert isinstance(make_sampler(spec), optuna.samplers.NSGAIISampler)


@pytest.mark.only_on_hydra_1_4(NO_UPSTREAM)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("name", ["nsgaii", "nsgaiii"])
def test_samplers_that_upstream_makes_by_a_function_are_made(name: str) -> None:
    upstream = {"_target_": f"hydra_plugins.hydra_optuna_sweeper._impl.create_{name}_sampler"}
    assert "NSGA" in type(make_sampler({**upstream, "population_size": 50})).__name__
