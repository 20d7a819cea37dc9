"""A task that writes into MLflow by itself, in each way that training code does."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from tests.hydra_lines import allowing


@dataclass
class Logger:
    run_id: str | None = "${mlflow_run_id:}"


@dataclass
class Config:
    x: float = 0.5
    way: str = "logger"
    logger: Logger = field(default_factory=Logger)


ConfigStore.instance().store(name="config", node=Config)
CALLBACK = "hydra_plugins.hydra_mlflow_callback.mlflow_callback.MLflowCallback"


def use_mlflow(way: str, cfg: DictConfig) -> None:
    import mlflow

    if way == "logger":  # as a logger that is given an id, and knows nothing of the active run
        mlflow.MlflowClient().log_metric(cfg.logger.run_id, "loss", cfg.x)
    elif way == "start_run":
        with mlflow.start_run():
            mlflow.log_metric("loss", cfg.x)
    elif way == "nested":
        with mlflow.start_run(nested=True, run_name="mine"):
            mlflow.log_metric("loss", cfg.x)
    elif way == "another_value":
        mlflow.log_param("x", "another")


@hydra.main(config_path=None, config_name="config", **allowing(CALLBACK))
def main(cfg: DictConfig) -> Any:
    folder = Path(HydraConfig.get().runtime.output_dir)
    for name in ("last.ckpt", "checkpoints/0.bin", "notes.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    if cfg.way == "none":
        print("run", cfg.logger.run_id)
    else:
        use_mlflow(cfg.way, cfg)
    return cfg.x


if __name__ == "__main__":
    main()
