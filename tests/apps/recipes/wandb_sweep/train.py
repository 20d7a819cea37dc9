"""What was a W&B program: `cfg` instead of wandb.config, report() instead of wandb.log(...)."""

import hydra
from omegaconf import DictConfig

from hydra_plugins.hydra_trial import report


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg: DictConfig) -> float:
    loss = 1.0
    for epoch in range(cfg.epochs):
        loss *= 1 - 0.5 * cfg.lr * (1 - cfg.momentum) + 0.01 * cfg.layers + cfg.dropout * (cfg.optimizer == "sgd")
        report(loss, epoch)
    return loss


if __name__ == "__main__":
    main()
