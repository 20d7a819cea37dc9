import pytest
from omegaconf import OmegaConf

from hydra_plugins.hydra_search.jobs import is_dry_run

ASYNC = "hydra_plugins.hydra_optuna_async_sweeper.optuna_async_sweeper.OptunaAsyncSweeper"
BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


@pytest.mark.parametrize(
    ("target", "count", "is_dry"), [(ASYNC, 5, True), (ASYNC, None, False), (BASIC, 5, False), ("absent.One", 5, False)]
)
def test_only_a_sweeper_that_can_run_dry_is_asked(target: str, count: int | None, is_dry: bool) -> None:
    assert is_dry_run(OmegaConf.create({"hydra": {"sweeper": {"_target_": target, "dry_run": count}}})) == is_dry
