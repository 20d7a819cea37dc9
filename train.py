"""Train one scikit-learn model as the configuration says, and return how good it is.

python train.py model=svm preprocessor=standard
python train.py --multirun
"""

import hashlib
import json
import logging
import re
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_search.targets import make, public_class, walk
from hydra_plugins.hydra_trial import muted, report, set_user_attr, trial_number

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure
    from sklearn.pipeline import Pipeline

log = logging.getLogger(__name__)

# What YAML and the command line may call, by the group of conf/ that says it; add your own to its group, like
# "my_package.MyModel", or "my_package.*" for all that the package defines. Of scikit-learn also what METHODS asks for.
EXECUTION_WHITELIST = {
    "dataset": [
        "train.load_csv",
        "train.load_parquet",
        "sklearn.datasets.load_breast_cancer",
        "sklearn.datasets.load_digits",
        "sklearn.datasets.load_iris",
        "sklearn.datasets.load_wine",
    ],
    "splitter": [],
    "preprocessor": [],
    "model": [],
    "hydra": [
        "train.check",
        "hydra_plugins.hydra_mlflow_callback.mlflow_callback.MLflowCallback",
        "hydra_plugins.hydra_optuna_async_sweeper.preflight_callback.PreflightCallback",
    ],
}
# What a public class of scikit-learn must have for its group; the parts of it may be any estimator, splitter or kernel.
METHODS = {"splitter": ("split", "get_n_splits"), "preprocessor": ("fit", "transform"), "model": ("fit", "predict")}

METRICS = ("accuracy", "balanced_accuracy", "f1_macro", "log_loss", "fit_seconds")


@hydra.main(config_path="conf", config_name="config", execution_whitelist=EXECUTION_WHITELIST["hydra"])
def main(cfg: DictConfig) -> float | tuple[float, ...]:
    """Fit and score on each split; return the metric, or the tuple of metrics in the order of the list `metric`."""
    names = metric_names(cfg)
    features, target = load_dataset(cfg)
    output_dir = Path(HydraConfig.get().runtime.output_dir)

    scores: list[dict[str, float]] = []
    predictions: list[pd.DataFrame] = []
    splits = list(build(cfg, "splitter").split(features, target))
    by_fold = len(splits) > 1  # then the steps that are reported are folds; else those of the model's own loop
    for step, (train_rows, test_rows) in enumerate(splits):
        pipeline = make_pipeline(cfg)
        start = time.perf_counter()
        with muted(when=by_fold):
            pipeline.fit(features.iloc[train_rows], target.iloc[train_rows])
        seconds = time.perf_counter() - start
        predicted = predict(pipeline, features.iloc[test_rows], target.iloc[test_rows], fold=step)
        predictions.append(predicted)
        scores.append(score(predicted, pipeline.classes_) | {"fit_seconds": seconds})
        if by_fold:
            report(mean_metrics(scores, names)[names[0]], step)

    if text := warning_of(predictions):
        log.warning("%s.", text.capitalize())
        set_user_attr("warning", text)  # the report's advice repeats it
    metrics = mean_metrics(scores, names)
    write_results(output_dir, metrics, predictions)
    write_json(output_dir / "dataset.json", describe_dataset(cfg, features, target))
    if cfg.save_model:
        with muted():
            save_model(output_dir, make_pipeline(cfg).fit(features, target), features)
    if trial_number() is None:  # else the search says how the trial ended
        job = HydraConfig.get()
        name = f"#{job.job.num} = " if job.mode is RunMode.MULTIRUN else ""
        log.info("%s%s", name, ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
    return tuple(metrics[name] for name in names) if is_list(cfg.metric) else metrics[names[0]]


def check(cfg: DictConfig) -> None:
    """Find what would fail in every job, before the first one: a missing file, an unknown metric, a bad value."""
    from sklearn.base import is_clusterer, is_outlier_detector, is_regressor

    metric_names(cfg)
    features, target = load_dataset(cfg)
    next(iter(build(cfg, "splitter").split(features, target)), None)  # splitters look at their numbers when they split
    pipeline = make_pipeline(cfg)
    if is_regressor(pipeline) or is_clusterer(pipeline) or is_outlier_detector(pipeline):
        raise ValueError(f"model._target_: must be a classifier, got {cfg.model._target_}")


def metric_names(cfg: DictConfig) -> list[str]:
    """Return the objectives' names; `metric` is one name or a list of them."""
    names = list(cfg.metric) if is_list(cfg.metric) else [cfg.metric]
    for name in names or [None]:
        if name not in METRICS:
            raise ValueError(f"metric must be one of {', '.join(METRICS)}, or a list of them; got {name!r}")
    return names


def is_list(value: object) -> bool:
    """Tell a list in the configuration from a single value."""
    return not isinstance(value, str) and isinstance(value, Iterable)


def load_dataset(cfg: DictConfig) -> "tuple[pd.DataFrame, pd.Series[Any]]":
    """Return features (n_samples, n_features) and target (n_samples,) of `cfg.dataset`."""
    features, target = build(cfg, "dataset")
    return features, target


def build(cfg: DictConfig, group: str) -> Any:
    """Call what `cfg[group]` names.

    Raises:
        ValueError: something in it may not be called there, then nothing was called; or an argument does not fit.
    """
    refuse_caches(group, cfg[group])
    methods = "() and ".join(METHODS.get(group, ()))
    known = f"a public class of scikit-learn with {methods}()" if methods else "a loader that stands there"
    remedy = f"Choose {known}, or add what you trust to EXECUTION_WHITELIST[{group!r}] in train.py."
    return make(group, cfg[group], EXECUTION_WHITELIST[group], partial(sklearn_class, group), remedy)


def refuse_caches(group: str, node: object) -> None:
    """Raise ValueError where a folder for joblib's cache is named: its pickles would run what is in them.

    Its argument must have its name, so that it can be seen.
    """
    content = OmegaConf.to_container(node, resolve=True, throw_on_missing=True) if OmegaConf.is_config(node) else None
    for key, value, spec in walk(content, group):
        name = key.rpartition(".")[2]
        if re.search(r"(^|__)memory$", name) and isinstance(value, (str, list)):
            raise ValueError(f"{key}: a cache is loaded by pickle, which can run anything, got {value}. Leave it null.")
        if name == "_args_" and str(spec.get("_target_")).startswith("sklearn."):
            raise ValueError(f"{key}: arguments have names here, got {value}. Write name: value.")


def sklearn_class(group: str, name: object, *, is_part: bool) -> type | None:
    """Return the public class of scikit-learn that `name` is, if this group of conf/ may have it, or have it in it."""
    found = public_class(name, "sklearn") if group in METHODS else None
    if found is None:
        return None
    from sklearn.base import BaseEstimator
    from sklearn.compose import make_column_selector
    from sklearn.gaussian_process.kernels import Kernel

    splits = all(hasattr(found, method) for method in METHODS["splitter"])
    if not splits and not issubclass(found, (BaseEstimator, Kernel, make_column_selector)):
        return None
    return found if is_part or all(hasattr(found, method) for method in METHODS[group]) else None


def load_csv(path: str, target: str) -> "tuple[pd.DataFrame, pd.Series[Any]]":
    """Read a CSV file with a header and split off its column `target`."""
    import pandas as pd

    try:
        return split_target(pd.read_csv(existing_file(path)), path, target)
    except pd.errors.EmptyDataError:
        raise ValueError(f"dataset.path must be a file with data; {path!r} is empty") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"dataset.path must be a CSV file; {path!r} can't be read as one: {error}") from None


def load_parquet(path: str, target: str) -> "tuple[pd.DataFrame, pd.Series[Any]]":
    """Read a Parquet file and split off its column `target`."""
    import pandas as pd
    import pyarrow as pa

    try:
        return split_target(pd.read_parquet(existing_file(path)), path, target)
    except pa.ArrowInvalid as error:
        raise ValueError(f"dataset.path must be a Parquet file; {path!r} can't be read as one: {error}") from None


def existing_file(path: str) -> Path:
    """Resolve `path` against the directory the command was started in, whatever the job's directory is."""
    resolved = Path(HydraConfig.get().runtime.cwd, path).expanduser()
    if not resolved.is_file():
        raise ValueError(f"dataset.path must name an existing file; got {path!r} (looked for {resolved})")
    return resolved


def split_target(table: "pd.DataFrame", path: str, target: str) -> "tuple[pd.DataFrame, pd.Series[Any]]":
    """Separate the features from the target; every row needs a target."""
    if target not in table.columns:
        columns = ", ".join(map(str, table.columns))
        raise ValueError(f"dataset.target must be a column of {path!r}; got {target!r}, the file has: {columns}")
    if table.empty or len(table.columns) < 2:
        raise ValueError(f"dataset.path must hold rows and at least one feature; {path!r} has shape {table.shape}")
    if n_missing := int(table[target].isna().sum()):
        raise ValueError(f"dataset.target must be there in every row; {target!r} is missing in {n_missing} of {path!r}")
    return table.drop(columns=target), table[target]


def make_pipeline(cfg: DictConfig) -> "Pipeline":
    """Return the unfitted pipeline of preprocessor and model."""
    from sklearn.pipeline import Pipeline

    parts = [(part, build(cfg, part)) for part in ("preprocessor", "model")]
    return Pipeline(parts)


def predict(pipeline: "Pipeline", features: "pd.DataFrame", target: "pd.Series[Any]", fold: int) -> "pd.DataFrame":
    """Return one line per row: row, fold, target, prediction and, where the model has them, probability_<class>."""
    import pandas as pd

    lines = pd.DataFrame({"row": features.index, "fold": fold, "target": target.to_numpy()})
    lines["prediction"] = pipeline.predict(features)
    if hasattr(pipeline, "predict_proba"):
        columns = [f"probability_{label}" for label in pipeline.classes_]
        lines[columns] = pipeline.predict_proba(features)
    return lines


def score(predicted: "pd.DataFrame", classes: "np.ndarray[Any, Any]") -> dict[str, float]:
    """Return the metrics of one split's predictions; log_loss only where there are probabilities."""
    from sklearn import metrics

    truth, prediction = predicted["target"], predicted["prediction"]
    values = {
        "accuracy": metrics.accuracy_score(truth, prediction),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, prediction),
        "f1_macro": metrics.f1_score(truth, prediction, average="macro"),
    }
    probabilities = predicted.filter(regex="^probability_").to_numpy()
    if probabilities.size:
        values["log_loss"] = metrics.log_loss(truth, probabilities, labels=classes)
    return {name: float(value) for name, value in values.items()}


def warning_of(predictions: "list[pd.DataFrame]") -> str:
    """Say that every prediction is the same class, however good the metric looks; empty where they differ."""
    classes = {label for table in predictions for label in table["prediction"].unique()}
    return f"every prediction is the majority class, {classes.pop()}" if len(classes) == 1 else ""


def mean_metrics(scores: list[dict[str, float]], required: list[str]) -> dict[str, float]:
    """Average each metric over the splits.

    Raises:
        ValueError: a metric in `required` is missing, because the model has no probabilities.
    """
    if missing := [name for name in required if name not in scores[0]]:
        raise ValueError(f"metric={missing[0]} needs probabilities; this model has no predict_proba")
    return {name: sum(split[name] for split in scores) / len(scores) for name in scores[0]}


def write_results(output_dir: Path, metrics: dict[str, float], predictions: "list[pd.DataFrame]") -> None:
    """Write metrics.json, predictions.csv and confusion_matrix.png."""
    import pandas as pd

    write_json(output_dir / "metrics.json", metrics)
    table = pd.concat(predictions, ignore_index=True)
    table.to_csv(output_dir / "predictions.csv", index=False)
    draw_confusion_matrix(table).savefig(output_dir / "confusion_matrix.png")


def draw_confusion_matrix(predicted: "pd.DataFrame") -> "Figure":
    """Draw how often each class was taken for which."""
    from matplotlib.figure import Figure
    from sklearn.metrics import ConfusionMatrixDisplay

    figure = Figure(figsize=(5, 4.5), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(
        predicted["target"], predicted["prediction"], ax=figure.subplots(), cmap="Blues", colorbar=False
    )
    return figure


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write one JSON object."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def describe_dataset(cfg: DictConfig, features: "pd.DataFrame", target: "pd.Series[Any]") -> dict[str, Any]:
    """Return what identifies the data: its name, source, size and target, and a digest of its first 10,000 rows."""
    import pandas as pd

    path = cfg.dataset.get("path")
    table = pd.concat([features, target], axis="columns")
    rows = pd.util.hash_pandas_object(table.head(10_000)).to_numpy().tobytes()
    return {
        "name": Path(path).stem if path else HydraConfig.get().runtime.choices["dataset"],
        "source": str(existing_file(path)) if path else cfg.dataset._target_,
        "n_rows": len(features),
        "n_features": features.shape[1],
        "target": str(target.name),
        "digest": hashlib.blake2b(repr(table.shape).encode() + rows, digest_size=8).hexdigest(),
    }


def save_model(output_dir: Path, pipeline: "Pipeline", features: "pd.DataFrame") -> None:
    """Write the fitted pipeline to model.joblib, and the rows that show what it takes to input_example.parquet."""
    import joblib

    joblib.dump(pipeline, output_dir / "model.joblib")
    features.head().to_parquet(output_dir / "input_example.parquet")


if __name__ == "__main__":
    main()
