"""A job that writes down which GPU it may use."""

import os
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from tests.hydra_lines import allowing

WHITELIST = ["hydra_plugins.hydra_mlflow_callback.mlflow_callback.MLflowCallback"]


@hydra.main(config_path="devices", config_name="config", **allowing(*WHITELIST))
def main(cfg: DictConfig) -> float:
    time.sleep(0.2)
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    Path(HydraConfig.get().runtime.output_dir, "device.txt").write_text(seen)
    return float(cfg.x)


if __name__ == "__main__":
    main()
