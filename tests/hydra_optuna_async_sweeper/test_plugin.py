"""The sweeper's own settings, as Hydra hands them over."""

from collections.abc import Iterator

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from hydra_plugins.hydra_optuna_async_sweeper.optuna_async_sweeper import OptunaAsyncSweeper
from hydra_plugins.hydra_search.errors import BadInput
from tests.conftest import APPS
from tests.hydra_lines import TODAYS


@pytest.fixture
def loader() -> Iterator[ConfigLoader]:
    with initialize_config_dir(str(APPS / "quadratic"), job_name="quadratic", **TODAYS):
        yield GlobalHydra.instance().config_loader()


@pytest.mark.parametrize(
    ("overrides", "metric"),
    [([], "score"), (["hydra.sweeper.metric=gain"], "gain"), (["~hydra.callbacks.preflight"], None)],
)
def test_metric_is_the_sweepers_own_and_that_of_preflight_where_only_that_is_told(
    loader: ConfigLoader, overrides: list[str], metric: str | None
) -> None:
    config = loader.load_configuration("asynchronous", overrides, run_mode=RunMode.MULTIRUN)
    HydraConfig.instance().set_config(config)
    assert config.hydra.sweeper.metric == metric


def test_direction_is_checked_against_the_metric_that_preflight_was_told(loader: ConfigLoader) -> None:
    config = loader.load_configuration("asynchronous", ["direction=[maximize,minimize]"], run_mode=RunMode.MULTIRUN)
    HydraConfig.instance().set_config(config)
    with pytest.raises(BadInput, match=r"one for each of the 1 metric\(s\) \[score\], got \[maximize, minimize\]"):
        OptunaAsyncSweeper.check_search(config, loader, None)


def test_setting_that_the_sweeper_does_not_know_is_the_applications_own_affair() -> None:
    assert OptunaAsyncSweeper(n_trials=7, note="mine").settings.n_trials == 7
