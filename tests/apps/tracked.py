"""A job that does as it is told: returns x, or fails, or waits, while MLflow watches."""

import json
import os
import signal
import subprocess
import time
from asyncio import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_trial import report, set_user_attr, trial_number
from tests.hydra_lines import allowing

WHITELIST = [
    "tracked.KillerAtEnd",
    "tracked.SetsEnvironment",
    "tracked.search_space",
    "tracked.broken_space",
    "hydra_plugins.hydra_mlflow_callback.mlflow_callback.MLflowCallback",
    "hydra_plugins.hydra_optuna_async_sweeper.preflight_callback.PreflightCallback",
]

ENDS = {"exit": SystemExit(0), "exit_text": SystemExit("no licence"), "cancelled": CancelledError()}


def deaf_to(kind: type[BaseException]) -> None:
    while True:
        with suppress(kind):
            time.sleep(60)


HANGS = {
    "sleeps": lambda: time.sleep(60),
    "waits_for_a_child": lambda: subprocess.run(["sleep", "60"], check=True),
    "handles_errors": lambda: deaf_to(Exception),
    "handles_everything": lambda: deaf_to(BaseException),
}


@hydra.main(config_path="tracked", config_name="config", **allowing(*WHITELIST))
def main(cfg: DictConfig) -> Any:
    if cfg.stamp:
        with suppress(FileExistsError):  # an earlier job's
            Path(cfg.stamp).touch(exist_ok=False)
    if cfg.mark_trial:
        set_user_attr("seen_number", trial_number())
    if cfg.keep is not None:
        set_user_attr("kept", OmegaConf.to_container(cfg.keep, resolve=True))
    if cfg.measures is not None:
        content = OmegaConf.to_container(cfg.measures, resolve=True)
        Path(HydraConfig.get().runtime.output_dir, "metrics.json").write_text(json.dumps(content))
    for step in range(cfg.steps):
        report(cfg.x + step, step)
    if cfg.use_mlflow:
        import mlflow

        mlflow.log_metric("from_the_job", cfg.x)
        print("run", mlflow.active_run().info.run_id)
    if cfg.wait_for:
        Path(HydraConfig.get().runtime.output_dir, "waiting").touch()
        while not Path(cfg.wait_for).exists():
            time.sleep(0.02)
    number = HydraConfig.get().job.get("num", 0)
    time.sleep(2.5 if cfg.uneven and number in (0, 4, 8, 12) else cfg.seconds)
    if cfg.bad_job in (number, "all"):
        if cfg.bad == "raise":
            raise RuntimeError("the job broke on purpose")
        if cfg.bad == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if cfg.bad == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        if cfg.bad in HANGS:
            HANGS[cfg.bad]()
        if cfg.bad in ENDS:
            raise ENDS[cfg.bad]
        return {"nan": float("nan"), "inf": float("inf"), "none": None, "text": "0.9"}[cfg.bad]
    x = float(cfg.slope * cfg.x)
    return x if cfg.objectives == 1 else [x, abs(x - 0.5)]


class KillerAtEnd(Callback):
    """Kills the process of job 1 when the job is done, but not everybody has heard of it."""

    def on_job_end(self, config: DictConfig, **kwargs: Any) -> None:
        if config.hydra.job.num == 1:
            os.kill(os.getpid(), signal.SIGKILL)


class SetsEnvironment(Callback):
    """Changes the environment when the search has been checked already."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        os.environ["FROM_CALLBACK"] = "new"
        os.environ.pop("FROM_START", None)


def search_space(cfg: DictConfig, trial: Any) -> None:
    """A custom_search_space: a parameter whose range depends on another one's value."""
    trial.suggest_int("size", 1, 3) if trial.params["x"] < 0.5 else trial.suggest_int("size", 100, 300)


def broken_space(cfg: DictConfig, trial: Any) -> None:
    trial.suggest_float("y", 0.0, trial.params["absent"])


if __name__ == "__main__":
    main()
