"""The metrics of a run: scikit-learn's scorers by their names, and two of our own, `log_loss` and `fit_seconds`."""

import math
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from hydra_plugins.hydra_search.errors import bad_input, one_line, shown, suggestion

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from .data import Data

FIT_SECONDS = "fit_seconds"
OWN = ("log_loss", FIT_SECONDS)
STANDARD_OF_CLASSES = ("accuracy", "balanced_accuracy", "f1_macro")
STANDARD_OF_NUMBERS = ("r2", "neg_root_mean_squared_error", "neg_mean_absolute_error")
# of one class against the other, which is 1, or else the second one in order: `yes` of `no` and `yes`
OF_POSITIVE_CLASS = ("f1", "precision", "recall", "jaccard", "average_precision")
_OF_NUMBERS = re.compile(r"r2|explained_variance|d2_absolute_error_score|neg_(?!log_loss|brier|negative_).*")
# of clusters, or of several targets
_OF_NEITHER = re.compile(r".*(rand|mutual_info|v_measure|homogeneity|completeness|mallows).*_score|.*_samples")


def metric_names(cfg: DictConfig) -> list[str]:
    """Return the objectives' names; `metric` is one name or a list of them."""
    return [shown(name) for name in cfg.metric] if is_list(cfg.metric) else [shown(cfg.metric)]


def is_list(value: object) -> bool:
    """Tell a list in the configuration from a single value."""
    return not isinstance(value, str) and isinstance(value, Iterable)


def check_metrics(names: list[str], pipeline: "Pipeline", target: "pd.Series[Any]") -> None:
    """Refuse, by ValueError, a metric that is unknown, or that fits neither the model nor the target."""
    from sklearn.metrics import get_scorer_names

    known = [name for name in [*get_scorer_names(), *OWN] if not _OF_NEITHER.fullmatch(name)]
    for name in names or [shown(None)]:
        if name not in known:
            rule = f"must be a scorer of scikit-learn, {' or '.join(OWN)}, or a list of them"
            raise bad_input("metric", name, rule, suggestion(name, known))
        if reason := _misfit(name, pipeline, target):
            fitting = [other for other in known if not _misfit(other, pipeline, target)]
            near = [other for other in fitting if other.startswith(f"{name}_")] or fitting
            raise bad_input("metric", name, reason, f"Choose one of: {', '.join(near)}.")


def _misfit(name: str, pipeline: "Pipeline", target: "pd.Series[Any]") -> str:
    """Say why the metric does not fit; empty if it does. The scorer itself decides, on a model that is quick."""
    import numpy as np
    from sklearn.base import is_classifier
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.linear_model import RidgeClassifier

    kind = type(pipeline[-1]).__name__
    of_classes = bool(is_classifier(pipeline))
    if name == FIT_SECONDS:
        return ""
    if of_classes == bool(_OF_NUMBERS.fullmatch(name)):
        return f"{name} does not fit {kind}, which predicts {'classes' if of_classes else 'numbers'}"
    few = target.groupby(target).head(3) if of_classes else target
    stand_in = DummyRegressor() if not of_classes else DummyClassifier() if has_probabilities(pipeline) else None
    features = np.arange(len(few)).reshape(-1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a model that always says the same
        try:
            scorer(name, sorted(few.unique()))((stand_in or RidgeClassifier()).fit(features, few), features, few)
        except (ValueError, TypeError, AttributeError) as error:
            classes = f" on {few.nunique()} classes" if of_classes else ""
            return f"{name} does not fit {kind}{classes} ({one_line(error)[:160].rstrip('.')})"
    return ""


def has_probabilities(pipeline: "Pipeline") -> bool:
    """Tell whether the model has probabilities of classes."""
    return hasattr(pipeline, "predict_proba")


def scorer(name: str, classes: list[Any]) -> Any:
    """Return scikit-learn's scorer, which knows the classes that it can't tell from a few rows."""
    from sklearn import metrics

    if name in ("log_loss", "neg_log_loss"):
        proba, sign = "predict_proba", name == "log_loss"
        return metrics.make_scorer(metrics.log_loss, response_method=proba, greater_is_better=sign, labels=classes)
    if name in OF_POSITIVE_CLASS and len(classes) == 2:
        how = ("decision_function", "predict_proba") if name == "average_precision" else "predict"
        positive = 1 if 1 in classes else classes[1]
        return metrics.make_scorer(getattr(metrics, f"{name}_score"), response_method=how, pos_label=positive)
    return metrics.get_scorer(name)


def score(pipeline: "Pipeline", data: "Data", names: list[str]) -> dict[str, float]:
    """Score a fitted model by what is usual for its task, and by `names`."""
    from sklearn.base import is_regressor
    from sklearn.exceptions import UndefinedMetricWarning
    from sklearn.metrics import check_scoring

    classes = [] if is_regressor(pipeline) else list(pipeline.classes_)
    wanted = list(STANDARD_OF_CLASSES if classes else STANDARD_OF_NUMBERS)
    wanted += ["log_loss"] if classes and has_probabilities(pipeline) else []
    has_scores = has_probabilities(pipeline) or hasattr(pipeline, "decision_function")
    wanted += ["roc_auc"] if len(classes) == 2 and has_scores else []
    scorers = {name: scorer(name, classes) for name in dict.fromkeys([*wanted, *names]) if name != FIT_SECONDS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)  # on a fold of one row, or of one class
        values = check_scoring(pipeline, scoring=scorers)(pipeline, data.features, data.target)
    return {name: float(value) for name, value in values.items()}


def mean_metrics(scores: Sequence[Mapping[str, float]], required: list[str]) -> dict[str, float]:
    """Average each metric over the splits; one that is not defined on all of them is left out unless required."""
    means = {name: sum(split[name] for split in scores) / len(scores) for name in scores[0]}
    return {name: value for name, value in means.items() if name in required or not math.isnan(value)}
