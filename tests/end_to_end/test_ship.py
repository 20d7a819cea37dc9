"""From the best trial to a registered model that somebody else loads."""

import json
from pathlib import Path

import joblib
import mlflow
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris

from tests.conftest import MLflowServer, RunApp, StartApp, wait_for
from tests.recorded import Recorded

pytestmark = pytest.mark.slow

# A model of few numbers: reading a forest takes skops ten seconds.
SMALL = ("model=logistic_regression", "preprocessor=standard", "splitter=holdout")
SEARCH = ("--multirun", "study_name=search", "n_trials=2", *SMALL)
SHIP = ("save_model=true", "mlflow.register_model=cancer", "hydra.run.dir=shipped")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The store that the applications write to, made this process's own."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow, of itself, while it is imported
def test_best_trial_becomes_a_registered_model_that_predicts_the_same(
    run_app: RunApp, tmp_path: Path, store: str
) -> None:
    assert run_app("train.py", *SEARCH, "dataset=breast_cancer").returncode == 0
    best = (tmp_path / "multirun/search/best.txt").read_text().split()
    done = run_app("train.py", *best, *SHIP)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "models:/cancer/1" in done.stdout

    features = load_breast_cancer(as_frame=True).data
    expected = joblib.load(tmp_path / "shipped/model.joblib").predict_proba(features)
    model = mlflow.sklearn.load_model("models:/cancer/1")
    np.testing.assert_array_equal(model.predict_proba(features), expected)
    served = mlflow.pyfunc.load_model("models:/cancer/1")
    np.testing.assert_array_equal(served.predict(features), expected.argmax(axis=1))
    assert served.metadata.signature.inputs.input_names() == list(features.columns)
    assert served.input_example.equals(features.head())
    requirements = (Path(mlflow.artifacts.download_artifacts("models:/cancer/1")) / "requirements.txt").read_text()
    assert {"scikit-learn", "numpy", "skops"} <= {line.partition("==")[0] for line in requirements.splitlines()}


def test_every_trial_of_a_search_that_saves_models_has_one_and_its_dataset(
    run_app: RunApp, tmp_path: Path, store: str
) -> None:
    done = run_app("train.py", *SEARCH, "save_model=true", "dataset=iris")
    assert done.returncode == 0, done.stdout + done.stderr
    features = load_iris(as_frame=True).data
    recorded = Recorded(tmp_path)
    for name, run in recorded.children.items():
        (output,) = run.outputs.model_outputs
        own = joblib.load(tmp_path / f"multirun/search/{name.removeprefix('trial-')}/model.joblib")
        model = mlflow.sklearn.load_model(f"models:/{output.model_id}")
        np.testing.assert_array_equal(model.predict(features), own.predict(features))
        (used,) = run.inputs.dataset_inputs
        assert (used.dataset.name, json.loads(used.dataset.profile)["n_rows"]) == ("iris", 150)
        assert "model.joblib" not in recorded.artifacts(run), "the model is kept twice"


def test_dataset_that_has_changed_has_another_digest(run_app: RunApp, tmp_path: Path) -> None:
    table = load_iris(as_frame=True).frame
    digests = []
    for factor in (1, 2):
        table.assign(target=table["target"] * factor).to_csv(tmp_path / "data.csv", index=False)
        arguments = ("dataset=csv", "dataset.path=data.csv", "dataset.target=target", f"hydra.run.dir={factor}")
        assert run_app("train.py", *arguments).returncode == 0
        content = json.loads((tmp_path / f"{factor}/dataset.json").read_text())
        assert (content["name"], content["source"]) == ("data", str(tmp_path / "data.csv"))
        digests.append(content["digest"])
    logged = {run.inputs.dataset_inputs[0].dataset.digest for run in Recorded(tmp_path).runs}
    assert len(logged) == 2 and logged == set(digests)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("mlflow.register_model=cancer", "needs a model to register, got cancer. Set save_model=true."),
        ("mlflow.register_model=a/b save_model=true", "must be a name without / and :, got a/b."),
        ("mlflow.register_model=cancer save_model=true mlflow=off", "needs MLflow, which is switched off"),
        ("mlflow.register_model=cancer save_model=true --multirun", "registers one model, and a search makes many"),
    ],
)
def test_model_that_can_not_be_registered_is_refused_before_anything_runs(
    run_app: RunApp, tmp_path: Path, arguments: str, message: str
) -> None:
    done = run_app("train.py", *arguments.split())
    assert done.returncode == 1
    assert f"mlflow.register_model (hydra.callbacks.mlflow.register_model): {message}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("metrics.json")) and not (tmp_path / "mlflow.db").exists()


def test_job_without_a_model_that_was_to_be_registered_ends_with_one_message(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app("tracked.py", "hydra.callbacks.mlflow.register_model=cancer")
    assert done.returncode == 1
    assert "needs a fitted scikit-learn estimator in the job's model.joblib" in done.stderr
    assert "Traceback" not in done.stderr


def test_server_that_dies_before_the_model_is_registered_gives_status_1(
    start_app: StartApp, tmp_path: Path, mlflow_server: MLflowServer
) -> None:
    arguments = ("hydra.callbacks.mlflow.register_model=cancer", f"wait_for={tmp_path}/gate", "hydra.run.dir=out")
    app = start_app("tracked.py", *arguments, env={"MLFLOW_TRACKING_URI": mlflow_server.uri})
    wait_for((tmp_path / "out/waiting").exists, 60, "the job to start")
    mlflow_server.kill()
    (tmp_path / "gate").touch()
    output, _ = app.communicate(timeout=120)
    assert app.returncode == 1
    assert "nothing is registered, since MLflow can't be reached" in output
