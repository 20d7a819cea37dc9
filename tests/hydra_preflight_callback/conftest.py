"""A sweep's configuration as Hydra composes it, of the application tests/apps/quadratic.py."""

from collections.abc import Callable, Iterator

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from tests.conftest import APPS
from tests.hydra_lines import TODAYS

Compose = Callable[..., DictConfig]


@pytest.fixture
def loader() -> Iterator[ConfigLoader]:
    with initialize_config_dir(str(APPS / "quadratic"), job_name="quadratic", **TODAYS):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture
def compose(loader: ConfigLoader) -> Compose:
    """Compose the config of a sweep with hydra/sweeper=optuna_async as `--multirun` does."""
    return lambda *overrides: loader.load_configuration("asynchronous", list(overrides), run_mode=RunMode.MULTIRUN)
