"""Train one scikit-learn model as the configuration says, and return how good it is.

python train.py model=svm preprocessor=standard
python train.py --multirun
"""

import logging
import re
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_search.errors import bad_input, one_line
from hydra_plugins.hydra_search.targets import make, public_class, walk
from hydra_plugins.hydra_trial import muted, report, set_user_attr, trial_number
from hydra_plugins.sklearn_training.data import Data, check_columns, check_target, describe, hold_out
from hydra_plugins.sklearn_training.loaded import load_once
from hydra_plugins.sklearn_training.metrics import check_metrics, is_list, mean_metrics, metric_names, score
from hydra_plugins.sklearn_training.results import predict, save_model, warning_of, write_json, write_results

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

log = logging.getLogger(__name__)

# What YAML and the command line may call, by the group of conf/ that says it; add your own to its group, like
# "my_package.MyModel", or "my_package.*" for all that the package defines. Of scikit-learn also what METHODS asks for.
EXECUTION_WHITELIST = {
    "dataset": [
        "hydra_plugins.sklearn_training.data.load_csv",
        "hydra_plugins.sklearn_training.data.load_parquet",
        "sklearn.datasets.load_breast_cancer",
        "sklearn.datasets.load_diabetes",
        "sklearn.datasets.load_digits",
        "sklearn.datasets.load_iris",
        "sklearn.datasets.load_wine",
    ],
    "splitter": [],
    "preprocessor": [],
    "model": ["lightgbm.LGBMClassifier", "lightgbm.LGBMRegressor", "xgboost.XGBClassifier", "xgboost.XGBRegressor"],
    "hydra": [
        "train.check",
        "hydra_plugins.hydra_mlflow_callback.mlflow_callback.MLflowCallback",
        "hydra_plugins.hydra_optuna_async_sweeper.preflight_callback.PreflightCallback",
    ],
}
# What a public class of scikit-learn must have for its group; the parts of it may be any estimator, splitter or kernel.
METHODS = {"splitter": ("split", "get_n_splits"), "preprocessor": ("fit", "transform"), "model": ("fit", "predict")}


class Prepared(NamedTuple):
    """All that a run starts with, checked."""

    metrics: list[str]
    everything: Data
    data: Data  # what is fitted and scored on
    held_out: Data  # what a search never sees
    splits: list[tuple[Any, Any]]


@hydra.main(config_path="conf", config_name="config", execution_whitelist=EXECUTION_WHITELIST["hydra"])
def main(cfg: DictConfig) -> float | tuple[float, ...]:
    """Fit and score on each split; return the metric, or the tuple of metrics in the order of the list `metric`."""
    import pandas as pd

    names, everything, data, held_out, splits = prepare(cfg)
    output_dir = Path(HydraConfig.get().runtime.output_dir)

    scores: list[dict[str, float]] = []
    predictions: list[pd.DataFrame] = []
    by_fold = len(splits) > 1  # then the steps that are reported are folds; else those of the model's own loop
    for step, (train_rows, test_rows) in enumerate(splits):
        train, test = data.rows(train_rows), data.rows(test_rows)
        pipeline = make_pipeline(cfg)
        start = time.perf_counter()
        with muted(when=by_fold):
            pipeline.fit(train.features, train.target)
        seconds = time.perf_counter() - start
        predictions.append(predict(pipeline, test, fold=step))
        scores.append(score(pipeline, test, names) | {"fit_seconds": seconds})
        if by_fold:
            report(mean_metrics(scores, names)[names[0]], step)

    metrics, predicted = mean_metrics(scores, names), pd.concat(predictions, ignore_index=True)
    if text := warning_of(predicted):
        log.warning("%s.", text.capitalize())
        set_user_attr("warning", text)  # the report's advice repeats it
    is_single = HydraConfig.get().mode is RunMode.RUN
    if cfg.save_model or cfg.test:
        with muted():
            pipeline = make_pipeline(cfg).fit(data.features, data.target)
        if is_single and len(held_out.target):
            metrics |= {f"test_{name}": value for name, value in score(pipeline, held_out, names).items()}
        if cfg.save_model:
            save_model(output_dir, pipeline, data.features)
    write_results(output_dir, metrics, predicted)
    write_json(output_dir / "dataset.json", describe(cfg, everything, held_out))
    if trial_number() is None:  # else the search says how the trial ended
        name = "" if is_single else f"#{HydraConfig.get().job.num} = "
        log.info("%s%s", name, ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
    return tuple(metrics[name] for name in names) if is_list(cfg.metric) else metrics[names[0]]


def check(cfg: DictConfig) -> None:
    """Find what would fail in every job, before the first one: a missing file, an unknown metric, a bad value."""
    prepare(cfg)


def prepare(cfg: DictConfig) -> Prepared:
    """Load the data and part it. Raises ValueError where data, model, splitter and metrics don't fit one another."""
    from sklearn.base import is_classifier, is_regressor
    from sklearn.model_selection import TimeSeriesSplit

    everything = load_once(cfg.dataset, lambda: build(cfg, "dataset"))
    splitter, pipeline = build(cfg, "splitter"), make_pipeline(cfg)
    if not is_classifier(pipeline) and not is_regressor(pipeline):
        raise ValueError(f"model._target_: must be a classifier or a regressor, got {cfg.model._target_}")
    check_target(pipeline, everything)
    check_columns(pipeline, everything)
    names = metric_names(cfg)
    check_metrics(names, pipeline, everything.target)
    in_order = isinstance(splitter, TimeSeriesSplit)
    data, held_out = hold_out(everything, cfg.test_size, in_order=in_order, by_class=is_classifier(pipeline))
    if cfg.test and HydraConfig.get().mode is RunMode.MULTIRUN:
        raise bad_input("test", True, "a search must not see the rows that are held out", "Set test=false.")
    if cfg.test and not len(held_out.target):
        raise bad_input("test", True, "needs rows that are held out", "Set test_size=0.2, for example.")
    try:
        splits = list(splitter.split(data.features, data.target, data.groups))
    except ValueError as error:
        remedy = "Set dataset.groups to the column that has them." if "groups" in str(error) else ""
        remedy = "Set splitter=kfold." if "target type" in str(error) else remedy
        raise bad_input("splitter", cfg.splitter._target_, f"can't split ({one_line(error)})", remedy) from error
    return Prepared(names, everything, data, held_out, splits)


def make_pipeline(cfg: DictConfig) -> "Pipeline":
    """Return the unfitted pipeline of preprocessor and model."""
    from sklearn.pipeline import Pipeline

    return Pipeline([(part, build(cfg, part)) for part in ("preprocessor", "model")])


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


if __name__ == "__main__":
    main()
