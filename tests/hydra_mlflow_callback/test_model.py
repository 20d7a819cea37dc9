"""What a logged model needs to be loaded elsewhere."""

import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier

from hydra_plugins.hydra_mlflow_callback._model import how_to_write, load_estimator, requirements_of


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
