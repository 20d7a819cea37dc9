"""A job that does what none should do, each of its trials something else."""

import os
import shutil
from pathlib import Path
from typing import Any

import hydra
import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from hydra_plugins.hydra_trial import set_user_attr, trial_number
from tests.hydra_lines import allowing

WHITELIST = ["hydra_plugins.hydra_mlflow_callback.mlflow_callback.MLflowCallback"]


@hydra.main(config_path="unruly", config_name="config", **allowing(*WHITELIST))
def main(cfg: DictConfig) -> Any:
    output = Path(HydraConfig.get().runtime.output_dir)
    match cfg.deeds[trial_number() or 0]:
        case "change directory":
            os.chdir("/")
        case "delete directory":
            shutil.rmtree(output)
        case "enter and delete directory":
            os.chdir(output)
            shutil.rmtree(output)
        case "leave no room":  # for the result, as on a full disk
            (output / ".result.json").mkdir()
        case "return numpy.bool_":
            return np.bool_(True)
        case "set worker":
            set_user_attr("worker", "me")
        case "set beat":
            set_user_attr("beat", 7)
        case "set lost":
            set_user_attr("lost", "on purpose")
        case "set note":
            set_user_attr("note", "mine")
    return float(cfg.x)


if __name__ == "__main__":
    main()
