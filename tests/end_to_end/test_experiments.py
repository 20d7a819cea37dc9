"""The searches that conf/ brings, as they are: what the default one shows, and the seed's kept exactly."""

import re
from pathlib import Path

import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from tests.conftest import RunApp
from tests.studies import states, trials_of

pytestmark = pytest.mark.slow


def test_default_search_finds_more_than_the_default_model_prunes_and_tries_every_model(
    run_app: RunApp, tmp_path: Path
) -> None:
    single = run_app("train.py", "mlflow=off", "hydra.run.dir=out")
    assert single.returncode == 0, single.stderr
    done = run_app("train.py", "--multirun", "mlflow=off", "n_jobs=2", "study_name=search")
    assert done.returncode == 0, done.stderr
    trials = trials_of(tmp_path / "multirun/search")
    values = [trial.values[0] for trial in trials if trial.state.name == "COMPLETE"]
    assert {trial.params["model"] for trial in trials} >= {"random_forest", "extra_trees", "svm"}
    assert "PRUNED" in states(trials).values()
    assert max(values) > accuracy(single.stdout) + 0.005
    assert max(values) > min(trial.value for trial in trials if trial.value is not None) + 0.05


def accuracy(said: str) -> float:
    """Return the accuracy that a single run printed."""
    return float(re.search(r"\baccuracy (\d\.\d+)", said)[1])  # type: ignore[index]  # every single run prints it


def test_search_of_the_seed_is_ten_forests_scored_on_one_fifth_of_the_breast_cancer_data(
    run_app: RunApp, tmp_path: Path
) -> None:
    done = run_app(
        "train.py", "--multirun", "experiment=random_forest_breast_cancer", "mlflow=off", "study_name=search"
    )
    assert done.returncode == 0, done.stderr
    features, target = load_breast_cancer(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(features, target, test_size=0.2, random_state=42)
    trials = trials_of(tmp_path / "multirun/search")
    assert states(trials) == dict.fromkeys(range(10), "COMPLETE")
    for trial in trials:
        assert {key: (d.low, d.high, d.log, d.step) for key, d in trial.distributions.items()} == {  # type: ignore[attr-defined]
            "model.n_estimators": (50, 300, False, 1),
            "model.max_depth": (3, 12, False, 1),
            "model.min_samples_split": (2, 10, False, 1),
        }
        found = {key.removeprefix("model."): value for key, value in trial.params.items()}
        assert trial.value == RandomForestClassifier(random_state=42, **found).fit(x_train, y_train).score(
            x_test, y_test
        )
