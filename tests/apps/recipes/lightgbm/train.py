"""LightGBM with pruning: a callback of one line tells the search each iteration's loss."""

import hydra
import lightgbm
from omegaconf import DictConfig
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from hydra_plugins.hydra_trial import report


def tell_search(env: lightgbm.callback.CallbackEnv) -> None:
    report(env.evaluation_result_list[0][2], env.iteration)  # the pruner's exception ends the training


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(cfg: DictConfig) -> float:
    x, x_valid, y, y_valid = train_test_split(*load_breast_cancer(return_X_y=True), random_state=0)
    train = lightgbm.Dataset(x, y)
    valid = lightgbm.Dataset(x_valid, y_valid, reference=train)
    booster = lightgbm.train(dict(cfg.booster), train, cfg.rounds, valid_sets=[valid], callbacks=[tell_search])
    return booster.best_score["valid_0"]["binary_logloss"]


if __name__ == "__main__":
    main()
