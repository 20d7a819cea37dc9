"""What TPE does where its settings leave it open; what the user sets wins."""

import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from hydra_plugins.hydra_optuna_async_sweeper.optuna_async_sweeper import OptunaAsyncSweeper
from hydra_plugins.hydra_optuna_async_sweeper.pruner_config import AUTO
from hydra_plugins.hydra_optuna_async_sweeper.search._spec import prepare_search
from hydra_plugins.hydra_optuna_async_sweeper.space._tree import parse_space
from hydra_plugins.hydra_optuna_async_sweeper.worker._choice import GP, TPE, settle
from tests.conftest import APPS, NO_UPSTREAM
from tests.hydra_lines import TODAYS

FLAT = parse_space({"x": "interval(0, 1)", "n": "range(1, 5)"})
CHOICE = parse_space({"x": "interval(0, 1)", "kind": "choice(a, b)"})
MANY = parse_space({f"x{i}": "interval(0, 1)" for i in range(9)})
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
    sampler = settle({"_target_": TPE, "seed": 7, **given}, FLAT, objectives, 20)
    assert tuple(sampler[key] for key in OPEN) == expected and sampler["seed"] == 7


@pytest.mark.parametrize(
    ("space", "objectives", "n_trials", "said"),
    [
        (FLAT, 1, 60, "gp: one objective, few numbers to choose, and 60 trials"),
        (FLAT, 1, 61, "tpe: there are more than 60 trials"),
        (FLAT, 2, 20, "tpe: there are 2 objectives"),
        (CHOICE, 1, 20, "tpe: not all that is to choose are numbers"),
        (MANY, 1, 20, "tpe: there are more than 8 parameters"),
        (None, 1, 20, "tpe: custom_search_space decides in each trial what there is to choose"),
    ],
    ids=str,
)
def test_auto_takes_what_suits_the_search_and_says_why(
    space: Any,
    objectives: int,
    n_trials: int,
    said: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", sys)  # as where it is installed
    with caplog.at_level(logging.INFO):
        sampler = settle({"_target_": AUTO, "seed": 7}, space, objectives, n_trials)
    assert caplog.messages == [f"hydra/sweeper/sampler=auto takes {said}"]
    plain = settle({"_target_": GP if said.startswith("gp") else TPE, "seed": 7}, space, objectives, n_trials)
    assert sampler == plain


def test_auto_takes_tpe_where_torch_is_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # as where it is not installed
    with caplog.at_level(logging.INFO):
        assert settle({"_target_": AUTO}, FLAT, 1, 20)["_target_"] == TPE
    assert caplog.messages[0].endswith("takes tpe: torch is not installed (pip install torch)")


def test_null_of_another_sampler_is_a_value() -> None:
    spec = {"_target_": "application.Sampler", "depth": None}
    assert settle(spec, FLAT, 1, 20) == spec


@pytest.fixture
def loader() -> Iterator[ConfigLoader]:
    with initialize_config_dir(str(APPS / "quadratic"), job_name="quadratic", **TODAYS):
        yield GlobalHydra.instance().config_loader()


def composed(loader: ConfigLoader, name: str, *overrides: str) -> Any:
    config = loader.load_configuration(name, list(overrides), run_mode=RunMode.MULTIRUN)
    HydraConfig.instance().set_config(config)
    return config


@pytest.mark.only_on_hydra_1_4(NO_UPSTREAM)
def test_tpe_is_pinned_under_hydra_optuna_sweeper(loader: ConfigLoader) -> None:
    theirs = composed(loader, "config").hydra.sweeper.sampler
    assert {key: theirs[key] for key in OPEN} == dict.fromkeys(OPEN, False)
    assert composed(loader, "config", "hydra/sweeper/sampler=auto").hydra.sweeper.sampler._target_ == TPE


def test_tpe_is_left_open_under_this_sweeper(loader: ConfigLoader) -> None:
    auto = composed(loader, "asynchronous", "hydra/sweeper/sampler=auto").hydra.sweeper.sampler
    assert auto == {"_target_": AUTO, "seed": 1}
    config = composed(loader, "asynchronous", "hydra.sweeper.sampler.constant_liar=false")
    ours = prepare_search(OptunaAsyncSweeper(**config.hydra.sweeper).settings, config, loader).sampler
    assert {key: ours[key] for key in OPEN} == {"multivariate": True, "constant_liar": False}
