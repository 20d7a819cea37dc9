"""A search in Python: Optuna's loop, with a nested MLflow run for each trial."""

import mlflow
import optuna
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC


def objective(trial: optuna.Trial) -> float:
    c = trial.suggest_float("C", 1e-3, 1e3, log=True)
    kernel = trial.suggest_categorical("kernel", ["rbf", "linear"])
    with mlflow.start_run(nested=True):
        mlflow.log_params(trial.params)
        accuracy = cross_val_score(SVC(C=c, kernel=kernel), *load_iris(return_X_y=True)).mean()
        mlflow.log_metric("accuracy", accuracy)
    return accuracy


if __name__ == "__main__":
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("before")
    with mlflow.start_run(run_name="search"):
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=1))
        study.optimize(objective, n_trials=6)
        mlflow.log_params({f"best_{name}": value for name, value in study.best_params.items()})
        mlflow.log_metric("best_accuracy", study.best_value)
