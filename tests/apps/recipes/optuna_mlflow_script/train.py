"""What is left of before.py: the training. The space, the loop and the runs stand in config.yaml."""

import hydra
from omegaconf import DictConfig
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg: DictConfig) -> float:
    return float(cross_val_score(SVC(C=cfg.C, kernel=cfg.kernel), *load_iris(return_X_y=True)).mean())


if __name__ == "__main__":
    main()
