"""A project that had hydra-optuna-sweeper before: nothing changes here."""

import hydra
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg: DictConfig) -> float:
    return (cfg.x - 2) ** 2 + (cfg.y + 5) ** 2


if __name__ == "__main__":
    main()
