"""The recipe of README with the real packages: two YAML files and a line of the whitelist are another model."""

import json
from pathlib import Path

import pytest

from tests.conftest import RunApp

LIGHTGBM = ("lightgbm.LGBMClassifier", {"n_estimators": 20, "num_leaves": 31, "verbose": -1})
XGBOOST = ("xgboost.XGBClassifier", {"n_estimators": 20, "max_depth": 6})


@pytest.mark.slow
@pytest.mark.parametrize(("target", "arguments"), [LIGHTGBM, XGBOOST], ids=["lightgbm", "xgboost"])
def test_estimator_of_another_package_is_two_yaml_files(
    run_app: RunApp, tmp_path: Path, target: str, arguments: dict[str, int]
) -> None:
    pytest.importorskip(target.split(".")[0])
    key, high = list(arguments.items())[1]
    for group, text in (
        ("model", "\n".join(f"{name}: {value}" for name, value in [("_target_", target), *arguments.items()])),
        ("search_space", f"model.{key}: int(interval(2, {high}))"),
    ):
        (tmp_path / "conf" / group).mkdir(parents=True)
        (tmp_path / "conf" / group / "boosted.yaml").write_text(f"{text}\n")
    done = run_app(
        "train.py", "--multirun", "hydra.searchpath=[file://conf]", "model=boosted", "dataset=breast_cancer",
        "mlflow=off", "study_name=own", "n_trials=2", "save_model=true", "metric=[roc_auc,neg_log_loss]",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for trial in (tmp_path / "multirun/own").glob("[0-9]"):
        assert json.loads((trial / "metrics.json").read_text())["roc_auc"] > 0.95
        assert (trial / "model.joblib").is_file()
