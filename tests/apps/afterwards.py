"""A program that goes on after its search, and prints which files it still holds open."""

import hydra
import psutil
from omegaconf import DictConfig


@hydra.main(config_path="tracked", config_name="asynchronous")
def evaluate(cfg: DictConfig) -> float:
    return float(cfg.x)


if __name__ == "__main__":
    evaluate()
    print("Still open:", [file.path for file in psutil.Process().open_files()])
