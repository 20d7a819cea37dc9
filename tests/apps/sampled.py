"""A job that reports, prunes itself, and keeps or breaks a constraint, with samplers of the application's own."""

import math
import os
from typing import Any

import hydra
import optuna
from omegaconf import DictConfig
from optuna.samplers import BaseSampler

from hydra_plugins.hydra_trial import TrialPruned, report, set_user_attr
from tests.hydra_lines import allowing

WHITELIST = [
    "sampled.*",
    "hydra_plugins.hydra_mlflow_callback.mlflow_callback.MLflowCallback",
    "hydra_plugins.hydra_optuna_async_sweeper.preflight_callback.PreflightCallback",
]


class Counting(BaseSampler):
    """Draws x=0, 1, 2, ... in each worker, from its seed on: a sampler with a state."""

    def __init__(self, seed: int | None = None) -> None:
        self.drawn = 0
        self.seed = seed

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
        return {}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        self.drawn += 1
        study._storage.set_trial_user_attr(trial._trial_id, "seed_and_worker", [self.seed, os.getpid()])
        return (self.drawn - 1) / 100


class Raising(Counting):
    """Raises where it is told to, from the third trial on."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def before_trial(self, study: Any, trial: Any) -> None:
        self._raise("before", trial)

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        self._raise("suggest", trial)
        return super().sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
        self._raise("after", trial)

    def _raise(self, where: str, trial: Any) -> None:
        if where == self.where and trial.number >= 2:
            raise ValueError(f"the sampler broke {where}")


def constraints(trial: optuna.trial.FrozenTrial) -> tuple[float, ...]:
    return tuple(trial.user_attrs["broken_by"])


@hydra.main(config_path="sampled", config_name="config", **allowing(*WHITELIST))
def main(cfg: DictConfig) -> Any:
    set_user_attr("broken_by", [cfg.x - 0.5])
    for step in range(cfg.steps):
        value = cfg.x + step / 100
        kind = str(cfg.reported) if cfg.x > 0.5 else "number"  # YAML reads nan and inf as numbers
        report({"nan": math.nan, "inf": math.inf, "number": value}[kind], step)
    if cfg.gives_up and cfg.x > 0.5:
        raise TrialPruned("by hand")
    return float(cfg.x) if cfg.objectives == 1 else [float(cfg.x), 1 - float(cfg.x)]


if __name__ == "__main__":
    main()
