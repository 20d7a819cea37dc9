"""A training by momentum that goes on from its checkpoint, and is killed on its way as often as it is asked to be."""

import json
import os
import signal
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from hydra_plugins.hydra_trial import checkpoint_dir, report, trial_number
from tests.hydra_lines import allowing

WHITELIST = ["hydra_plugins.hydra_mlflow_callback.mlflow_callback.MLflowCallback"]
TARGET = (0.7, -1.3, 2.1)


def die(cfg: DictConfig, epoch: int) -> None:
    for place, death in enumerate(cfg.deaths):
        if death.epoch != epoch or Path(f"death-{place}").exists():
            continue
        Path(f"death-{place}").touch()
        number = signal.Signals[death.signal]
        os.killpg(0, number) if death.of == "all" else os.kill(os.getpid(), number)


@hydra.main(config_path="checkpointed", config_name="config", **allowing(*WHITELIST))
def main(cfg: DictConfig) -> float:
    state = {"epoch": -1, "weights": [0.0, 0.0, 0.0], "velocity": [0.0, 0.0, 0.0], "losses": []}
    kept = checkpoint_dir() / "state.json"
    if kept.exists():
        state = json.loads(kept.read_text())
    for epoch, loss in enumerate(state["losses"]):
        report(loss, epoch)
    for epoch in range(state["epoch"] + 1, cfg.epochs):
        slopes = [2 * (w - t) for w, t in zip(state["weights"], TARGET, strict=True)]
        velocity = [0.9 * v - cfg.lr * s for v, s in zip(state["velocity"], slopes, strict=True)]
        weights = [w + v for w, v in zip(state["weights"], velocity, strict=True)]
        loss = sum((w - t) ** 2 for w, t in zip(weights, TARGET, strict=True))
        state = {"epoch": epoch, "weights": weights, "velocity": velocity, "losses": [*state["losses"], loss]}
        die(cfg, epoch)
        if cfg.gate and epoch == cfg.epochs - 1:
            (Path(HydraConfig.get().runtime.output_dir) / "waiting").touch()
            while not Path(cfg.gate).exists():
                time.sleep(0.02)
        aside = checkpoint_dir() / "state.json.new"
        aside.write_text(json.dumps(state))
        aside.replace(kept)
        with Path("epochs.txt").open("a") as file:
            file.write(f"{trial_number()} {epoch} {kept.parent}\n")
        report(loss, epoch)
    output = Path(HydraConfig.get().runtime.output_dir)
    (output / "plots").mkdir()
    for name in ("model.bin", "plots/curve.png"):
        (output / name).write_text("large")
    (output / "metrics.json").write_text(json.dumps({"loss": loss, "weight": weights[0]}))
    return state["losses"][-1]


if __name__ == "__main__":
    main()
