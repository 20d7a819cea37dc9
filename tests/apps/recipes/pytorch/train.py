"""A training loop of PyTorch: the lines marked 1 to 4 make it searchable. `python train.py` trains once.

A job that is killed goes on after the last epoch that it has kept, and ends with the very value that it would have had.
"""

import logging

import hydra
import torch
from omegaconf import DictConfig

from hydra_plugins.hydra_trial import checkpoint_dir, report  # 1.

log = logging.getLogger(__name__)


# On Hydra 1.4, instead of version_base:
# execution_whitelist=["hydra_plugins.hydra_mlflow_callback.mlflow_callback.MLflowCallback"]
@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg: DictConfig) -> float:
    torch.manual_seed(0)
    x = torch.linspace(-3, 3, 64).unsqueeze(1)
    y = torch.sin(x)
    model = torch.nn.Sequential(torch.nn.Linear(1, cfg.width), torch.nn.Tanh(), torch.nn.Linear(cfg.width, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    losses: list[float] = []
    checkpoint = checkpoint_dir() / "checkpoint.pt"  # 2. the trial's own, also when it is requeued
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        torch.set_rng_state(kept["random"])
        losses = kept["losses"]
        log.info("Going on after epoch %d", len(losses) - 1)
        for epoch, loss in enumerate(losses):  # to the pruner, and for the curve, it is a new trial
            report(loss, epoch)
    for epoch in range(len(losses), cfg.epochs):
        for batch in torch.randperm(len(x)).split(16):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(x[batch]), y[batch])
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            losses.append(torch.nn.functional.mse_loss(model(x), y).item())
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "losses": losses}
        aside = checkpoint_dir() / "checkpoint.new"  # asked for anew: a job that was taken for lost ends here
        torch.save({**state, "random": torch.get_rng_state()}, aside)
        aside.replace(checkpoint)  # a job that is killed while it writes leaves the last one whole
        report(
            losses[-1], epoch
        )  # 3. MLflow draws the curve; the pruner may end the trial by an exception: let it pass
    return losses[-1]  # 4. what the search minimizes


if __name__ == "__main__":
    main()
