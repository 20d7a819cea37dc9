"""A training loop of PyTorch: the lines marked 1, 2 and 3 make it searchable. `python train.py` trains once."""

from pathlib import Path

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from hydra_plugins.hydra_trial import report  # 1.


# On Hydra 1.4, instead of version_base:
# execution_whitelist=["hydra_plugins.hydra_mlflow_callback.mlflow_callback.MLflowCallback"]
@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg: DictConfig) -> float:
    torch.manual_seed(0)
    x = torch.linspace(-3, 3, 64).unsqueeze(1)
    y = torch.sin(x)
    model = torch.nn.Sequential(torch.nn.Linear(1, cfg.width), torch.nn.Tanh(), torch.nn.Linear(cfg.width, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    checkpoint = Path(HydraConfig.get().runtime.output_dir, "checkpoint.pt")  # the trial's own directory
    for epoch in range(cfg.epochs):
        for _ in range(10):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
        torch.save({"epoch": epoch, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, checkpoint)
        report(
            loss.item(), epoch
        )  # 2. MLflow draws the curve; the pruner may end the trial by an exception: let it pass
    return loss.item()  # 3. what the search minimizes


if __name__ == "__main__":
    main()
