"""Lightning with its MLFlowLogger, which writes into the trial's own run. `python train.py` trains once."""

import hydra
import lightning
import torch
from lightning.pytorch.loggers import MLFlowLogger
from omegaconf import DictConfig
from torch.utils.data import DataLoader, TensorDataset

from hydra_plugins.hydra_trial import report


class Line(lightning.LightningModule):
    def __init__(self, lr: float) -> None:
        super().__init__()
        self.lr, self.layer = lr, torch.nn.Linear(1, 1)

    def loss(self, name: str, batch: list[torch.Tensor]) -> torch.Tensor:
        loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
        self.log(name, loss)
        return loss

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        return self.loss("train_loss", batch)

    def validation_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        return self.loss("val_loss", batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.lr)


class Report(lightning.Callback):
    """Tells the search how good the model is after each epoch; the pruner's exception passes through the trainer."""

    def on_validation_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if not trainer.sanity_checking:
            report(trainer.callback_metrics["val_loss"].item(), trainer.current_epoch)


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg: DictConfig) -> float:
    lightning.seed_everything(0)
    x = torch.linspace(-1, 1, 64).unsqueeze(1)
    data = DataLoader(TensorDataset(x, 2 * x + 1), batch_size=16)
    trainer = lightning.Trainer(
        max_epochs=cfg.epochs, logger=MLFlowLogger(**cfg.logger), callbacks=[Report()],
        accelerator="cpu", log_every_n_steps=1,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(Line(cfg.lr), data, data)
    return trainer.callback_metrics["val_loss"].item()


if __name__ == "__main__":
    main()
