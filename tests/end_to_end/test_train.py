"""`python train.py`: one job, its result and its files."""

import json
from pathlib import Path

import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score
from sklearn.model_selection import KFold, cross_val_score, train_test_split

from hydra_plugins.sklearn_training.data import Data, hold_out
from tests.conftest import RunApp

OFF = "mlflow=off"
HERE = "hydra.run.dir=out"


def metrics(folder: Path) -> dict[str, float]:
    content: dict[str, float] = json.loads((folder / "out/metrics.json").read_text())
    return content


def test_default_model_gives_the_accuracy_of_plain_sklearn_to_the_digit(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app("train.py", OFF, HERE, "dataset=breast_cancer", "splitter=holdout")
    assert done.returncode == 0, done.stderr
    features, target = load_breast_cancer(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(features, target, test_size=0.2, random_state=42)
    expected = accuracy_score(y_test, RandomForestClassifier(random_state=42).fit(x_train, y_train).predict(x_test))
    assert metrics(tmp_path)["accuracy"] == expected
    assert set(metrics(tmp_path)) == {"accuracy", "balanced_accuracy", "f1_macro", "log_loss", "roc_auc", "fit_seconds"}
    predictions = pd.read_csv(tmp_path / "out/predictions.csv")
    assert (predictions["prediction"] == predictions["target"]).mean() == expected
    for plot in ("confusion_matrix", "curves"):
        assert (tmp_path / f"out/{plot}.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "out/model.joblib").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "model", ["random_forest", "extra_trees", "hist_gradient_boosting", "logistic_regression", "svm", "mlp"]
)
@pytest.mark.parametrize("splitter", ["holdout", "stratified_kfold"])
def test_every_model_trains_on_every_splitter(run_app: RunApp, tmp_path: Path, model: str, splitter: str) -> None:
    done = run_app(
        "train.py", OFF, HERE, "dataset=wine", f"model={model}", f"splitter={splitter}", "preprocessor=standard"
    )
    assert done.returncode == 0, done.stderr
    assert metrics(tmp_path)["accuracy"] > 0.9
    assert ("log_loss" in metrics(tmp_path)) == (model != "svm")
    rows = pd.read_csv(tmp_path / "out/predictions.csv")["row"]
    assert len(rows) == (36 if splitter == "holdout" else 178)
    assert rows.is_unique


@pytest.mark.slow
@pytest.mark.parametrize("model", ["random_forest_regressor", "hist_gradient_boosting_regressor", "svr"])
def test_every_regressor_trains(run_app: RunApp, tmp_path: Path, model: str) -> None:
    done = run_app("train.py", OFF, HERE, "dataset=diabetes", f"model={model}", "preprocessor=standard", "metric=r2")
    assert done.returncode == 0, done.stderr
    assert metrics(tmp_path)["r2"] > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_own_file_with_text_columns_and_gaps_is_searched_end_to_end(run_app: RunApp, tmp_path: Path, kind: str) -> None:
    table = load_iris(as_frame=True).frame.rename(columns={"target": "species"})
    table["species"] = table["species"].map({0: "setosa", 1: "versicolor", 2: "virginica"})
    table["colour"] = ["red", "blue", None] * 50
    table.loc[3, "sepal length (cm)"] = None
    path = tmp_path / f"flowers.{kind}"
    table.to_csv(path, index=False) if kind == "csv" else table.to_parquet(path)
    done = run_app(
        "train.py", "--multirun", OFF, f"dataset={kind}", f"dataset.path={path.name}", "dataset.target=species",
        "preprocessor=standard", "model=random_forest", "n_trials=2", "study_name=own",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for i in range(2):
        assert json.loads((tmp_path / f"multirun/own/{i}/metrics.json").read_text())["accuracy"] > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("splitter", ["holdout", "stratified_kfold"])
def test_saved_model_predicts_what_was_written(run_app: RunApp, tmp_path: Path, splitter: str) -> None:
    import joblib

    done = run_app("train.py", OFF, HERE, "save_model=true", "dataset=iris", f"splitter={splitter}")
    assert done.returncode == 0, done.stderr
    pipeline = joblib.load(tmp_path / "out/model.joblib")
    features, _ = load_iris(return_X_y=True, as_frame=True)
    predictions = pd.read_csv(tmp_path / "out/predictions.csv")
    if splitter == "holdout":
        assert (pipeline.predict(features.loc[predictions["row"]]) == predictions["prediction"]).all()
    else:
        assert pipeline.score(features, load_iris().target) == 1.0, "refitted on all rows, a forest knows them all"


@pytest.mark.slow
def test_list_of_metrics_makes_a_search_of_several_objectives(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app(
        "train.py", "--multirun", OFF, "experiment=multi_objective", "dataset=iris", "n_trials=3", "study_name=two"
    )
    assert done.returncode == 0, done.stderr
    results = (tmp_path / "multirun/two/optimization_results.yaml").read_text()
    assert "solutions" in results


@pytest.mark.parametrize("argument", ["metric=acuracy", "model=svm metric=log_loss"])
def test_metric_that_is_not_there_ends_in_one_line_before_anything_runs(
    run_app: RunApp, tmp_path: Path, argument: str
) -> None:
    done = run_app("train.py", OFF, HERE, *argument.split())
    assert done.returncode == 1
    assert done.stderr.startswith("metric: ") and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_regression_has_the_metrics_and_plots_of_numbers_and_is_tested_on_rows_held_out(
    run_app: RunApp, tmp_path: Path
) -> None:
    done = run_app(
        "train.py", OFF, HERE, "dataset=diabetes", "model=ridge", "splitter=kfold", "metric=r2", "test_size=0.2",
        "test=true",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    features, target = load_diabetes(return_X_y=True, as_frame=True)
    seen, held_out = (sorted(rows) for rows in train_test_split(range(442), test_size=0.2, random_state=0))
    fitted = Ridge(random_state=42).fit(features.iloc[seen], target.iloc[seen])
    folds = KFold(5, shuffle=True, random_state=42)
    found = metrics(tmp_path)
    assert found["r2"] == cross_val_score(Ridge(), features.iloc[seen], target.iloc[seen], cv=folds).mean()
    assert found["test_r2"] == fitted.score(features.iloc[held_out], target.iloc[held_out])
    assert {"neg_root_mean_squared_error", "neg_mean_absolute_error", "test_neg_mean_absolute_error"} <= found.keys()
    predictions = pd.read_csv(tmp_path / "out/predictions.csv")
    assert sorted(predictions["row"]) == seen
    assert (predictions["residual"] == predictions["target"] - predictions["prediction"]).all()
    assert (tmp_path / "out/residuals.png").stat().st_size > 10_000
    assert not (tmp_path / "out/confusion_matrix.png").exists()
    assert json.loads((tmp_path / "out/dataset.json").read_text())["n_held_out"] == 89


@pytest.mark.slow
def test_search_never_sees_the_rows_held_out_and_its_best_is_tested_on_them(run_app: RunApp, tmp_path: Path) -> None:
    small = ("train.py", "--multirun", "dataset=iris", "model=logistic_regression", "n_trials=2", "study_name=apart")
    refused = run_app(*small, OFF, "test_size=0.2", "test=true")
    assert "test: a search must not see the rows that are held out" in refused.stderr
    done = run_app(*small, OFF, "test_size=0.2", "seed=range(1,3)", "save_model=true")
    assert done.returncode == 0, done.stderr
    everything = set(range(150))
    held_out = everything - set(hold_out(Data(*iris()), 0.2, in_order=False, by_class=True)[0].target.index)
    for trial in (tmp_path / "multirun/apart").glob("[0-9]"):
        assert not [name for name in json.loads((trial / "metrics.json").read_text()) if name.startswith("test")]
        assert not held_out & set(pd.read_csv(trial / "predictions.csv")["row"])
    best = (tmp_path / "multirun/apart/best.txt").read_text().split()
    done = run_app("train.py", *best, OFF, HERE, "test=true")
    assert done.returncode == 0, done.stderr
    assert 0.7 < metrics(tmp_path)["test_accuracy"] <= 1
    assert "test_accuracy" in done.stdout


def iris() -> tuple[pd.DataFrame, pd.Series]:
    return load_iris(return_X_y=True, as_frame=True)


@pytest.mark.slow
def test_own_table_with_groups_dates_and_ids_is_split_by_its_groups(run_app: RunApp, tmp_path: Path) -> None:
    features, target = iris()
    table = features.assign(kind=target.map(str), plot=target.index % 10, id=[f"iris {i}" for i in target.index])
    table["picked"] = [str(day.date()) for day in pd.date_range("2024-01-01", periods=150)]
    table.to_csv(tmp_path / "own.csv", index=False)
    done = run_app(
        "train.py", OFF, HERE, "dataset=csv", "dataset.path=own.csv", "dataset.target=kind", "dataset.groups=plot",
        "splitter=group_kfold", "metric=f1_macro", "save_model=true",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert said.count("Column 'id' is left out") == said.count("Column 'picked' is dates") == 1
    predictions = pd.read_csv(tmp_path / "out/predictions.csv")
    assert (predictions.assign(plot=predictions["row"] % 10).groupby("plot")["fold"].nunique() == 1).all()
    assert metrics(tmp_path)["f1_macro"] > 0.9
    example = pd.read_parquet(tmp_path / "out/input_example.parquet")
    assert list(example) == [*features, "picked"] and example["picked"].iloc[0] == 19723


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_target_outside_the_whitelist_is_never_called_even_in_a_worker(
    run_app: RunApp, tmp_path: Path, launcher: str
) -> None:
    harmless = "++dataset.extra={_target_: os.mkdir, path: called}"
    single = run_app("train.py", OFF, harmless)
    search = run_app(
        "train.py", "--multirun", OFF, f"hydra/launcher={launcher}", "n_jobs=2", "n_trials=2", "study_name=evil",
        "hydra.callbacks.preflight.check=null", harmless,
    )  # fmt: skip
    assert single.returncode != 0
    assert "os.mkdir" in single.stderr and "whitelist" in single.stderr and "Traceback" not in single.stderr
    log = (tmp_path / "multirun/evil/1/train.log").read_text()
    assert "os.mkdir" in log and "whitelist" in log
    assert "Best" not in search.stdout
    assert not list(tmp_path.rglob("called"))
