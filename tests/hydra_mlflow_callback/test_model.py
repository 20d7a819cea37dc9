"""What a logged model needs to be loaded elsewhere."""

import json
from types import SimpleNamespace

import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier

from hydra_plugins.hydra_mlflow_callback._model import (
    SEARCHED,
    how_to_write,
    load_estimator,
    requirements_of,
    tell_origin,
)
from hydra_plugins.hydra_mlflow_callback._record import JobRecord
from hydra_plugins.hydra_mlflow_callback.config import Settings
from tests.tracking_client import TrackingClient


class Unwritable(BaseEstimator):
    def __init__(self) -> None:
        self.callback = lambda x: x  # skops keeps no lambdas


def names(requirements: list[str]) -> set[str]:
    return {line.partition("==")[0] for line in requirements}


def test_requirements_name_what_the_pickle_holds_with_versions() -> None:
    import sklearn

    requirements = requirements_of(RandomForestClassifier(n_estimators=2).fit([[0.0], [1.0]], [0, 1]))
    assert f"scikit-learn=={sklearn.__version__}" in requirements
    assert "numpy" in names(requirements) and "pandas" not in names(requirements)


@pytest.mark.slow
def test_model_that_skops_does_not_know_is_a_pickle_only_where_allowed(caplog: pytest.LogCaptureFixture) -> None:
    assert how_to_write(Unwritable(), allow_pickle=True) == {"serialization_format": "cloudpickle"}
    assert how_to_write(Unwritable(), allow_pickle=False) is None
    assert "skops can't keep this model" in caplog.text


def test_file_that_holds_no_estimator_is_no_model(tmp_path, caplog: pytest.LogCaptureFixture) -> None:  # type: ignore[no-untyped-def]
    import joblib

    joblib.dump({"weights": [1.0]}, tmp_path / "model.joblib")
    assert load_estimator(tmp_path / "model.joblib") is None
    assert "no scikit-learn estimator but a dict" in caplog.text
    (tmp_path / "model.joblib").write_bytes(b"\x80nothing")
    assert load_estimator(tmp_path / "model.joblib") is None
    assert "can't be loaded" in caplog.text


def test_registered_model_leads_to_the_trial_that_it_repeats_and_to_its_search(
    client: TrackingClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, str] = {}

    def tag(name: str, version: str, key: str, value: str) -> None:
        told[key] = value

    monkeypatch.setattr(client, "set_model_version_tag", tag, False)
    monkeypatch.setattr(client, "update_model_version", lambda name, version, text: told.update(text=text), False)
    runs = {}
    for name, x in (("trial-0", "1"), ("trial-1", "2")):
        tags = {SEARCHED: json.dumps([f"x={x}"]), "mlflow.parentRunId": "P", "study_name": "search", "model": "svm"}
        runs[name] = client.create_run(settings.experiment_id, run_name=name, tags=tags).info.run_id
        client.set_terminated(runs[name], "FINISHED")
    own = client.create_run(settings.experiment_id, run_name="single").info.run_id
    record = JobRecord("single", None, 0, {}, {"model": "svm"}, ["x=2", "keep=true"], run_id=own)
    tell_origin(client, settings, record, SimpleNamespace(name="cancer", version="1"))  # type: ignore[arg-type]
    assert told["origin.trial.run_id"] == runs["trial-1"] and told["origin.search"] == "search"
    assert f"[trial-1](#/experiments/{settings.experiment_id}/runs/{runs['trial-1']})" in told["text"]
    assert client.get_run(own).data.tags["origin.search.run_id"] == "P"
