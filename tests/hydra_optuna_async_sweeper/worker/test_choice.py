"""What TPE does where its settings leave it open; what the user sets wins."""

from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from hydra_plugins.hydra_optuna_async_sweeper.optuna_async_sweeper import OptunaAsyncSweeper
from hydra_plugins.hydra_optuna_async_sweeper.search._spec import prepare_search
from hydra_plugins.hydra_optuna_async_sweeper.worker._choice import TPE, settle
from tests.conftest import APPS

OPEN = ("multivariate", "constant_liar")


@pytest.mark.parametrize(
    ("objectives", "given", "expected"),
    [
        (1, {}, (True, True)),
        (2, {}, (False, True)),
        (2, {"group": True}, (True, True)),
        (1, {"multivariate": False, "constant_liar": None}, (False, True)),
        (1, {"constant_liar": False, "multivariate": None}, (True, False)),
    ],
    ids=str,
)
def test_tpe_has_optunas_own_defaults_for_the_search_and_what_the_user_sets(
    objectives: int, given: dict[str, object], expected: tuple[bool, ...]
) -> None:
    sampler = settle({"_target_": TPE, "seed": 7, **given}, objectives)
    assert tuple(sampler[key] for key in OPEN) == expected and sampler["seed"] == 7


def test_null_of_another_sampler_is_a_value() -> None:
    spec = {"_target_": "application.Sampler", "depth": None}
    assert settle(spec, 1) == spec


def composed(loader: ConfigLoader, *overrides: str) -> Any:
    config = loader.load_configuration("config", list(overrides), run_mode=RunMode.MULTIRUN)
    HydraConfig.instance().set_config(config)
    return config


def test_tpe_is_left_open_under_this_sweeper_and_pinned_under_hydra_optuna_sweeper() -> None:
    with initialize_config_dir(str(APPS / "quadratic"), job_name="quadratic"):
        loader = GlobalHydra.instance().config_loader()
        theirs = composed(loader, "hydra/sweeper=optuna").hydra.sweeper.sampler
        assert {key: theirs[key] for key in OPEN} == dict.fromkeys(OPEN, False)
        config = composed(loader, "hydra/sweeper=optuna_async", "hydra.sweeper.sampler.constant_liar=false")
        ours = prepare_search(OptunaAsyncSweeper(**config.hydra.sweeper).settings, config, loader).sampler
        assert {key: ours[key] for key in OPEN} == {"multivariate": True, "constant_liar": False}
