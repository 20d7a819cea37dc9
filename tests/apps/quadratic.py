"""A job that is nothing but its config, and fails in as many ways as asked for."""

import math
import os
import time
from pathlib import Path

import hydra
from omegaconf import DictConfig

from tests.hydra_lines import allowing

RESULTS = {
    "undefined": math.nan,
    "infinite": math.inf,
    "nothing": None,
    "text": "0.5",
    "truth": True,
    "pair": (0.5, 0.5),
}


def check(config: DictConfig) -> None:
    if config.data is not None and not Path(config.data).exists():
        raise FileNotFoundError(f"data: the file must exist, got {config.data}. Set data=<file>.")
    if "hydra" in config:
        raise AssertionError("the check must see what the job sees")


CALLABLE = ["quadratic.*", "hydra_plugins.hydra_optuna_async_sweeper.preflight_callback.PreflightCallback"]


@hydra.main(config_path="quadratic", config_name="config", **allowing(*CALLABLE))
def main(config: DictConfig) -> object:
    if config.sleep:
        Path(f"started-{os.getpid()}").touch()
        time.sleep(config.sleep)
    if config.result == "raise":
        raise RuntimeError("the job was asked to raise")
    value = -((config.x - 0.3) ** 2) - config.model.lr - config.depth / 1000
    return value if config.result == "number" else RESULTS[config.result]


if __name__ == "__main__":
    main()
