"""Metrics: scikit-learn's own values by scikit-learn's own names; one that does not fit is refused before anything."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, get_scorer, get_scorer_names, roc_auc_score
from sklearn.pipeline import Pipeline

from hydra_plugins.hydra_search.metrics import direction_of, known_direction
from hydra_plugins.sklearn_training.data import Data
from hydra_plugins.sklearn_training.metrics import check_metrics, score

from .conftest import Refusal


def test_direction_of_every_scorer_is_known() -> None:
    assert not [name for name in get_scorer_names() if known_direction(name) != "maximize"]
    assert direction_of(["log_loss", "fit_seconds", "roc_auc"]) == ["minimize", "minimize", "maximize"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [("metric=acuracy", "got acuracy. Did you mean accuracy?"),
     ("metric=[accuracy,acuracy]", "got acuracy. Did you mean accuracy?"),
     ("metric=[]", "metric: must be a scorer of scikit-learn, log_loss or fit_seconds, or a list of them, got null"),
     ("metric=v_measure_score", "must be a scorer"),
     ("metric=r2", "r2 does not fit RandomForestClassifier, which predicts classes, got r2. Choose one of: accuracy,"),
     ("dataset=diabetes model=ridge", "accuracy does not fit Ridge, which predicts numbers, got accuracy. Choose one "),
     ("dataset=iris metric=roc_auc", "on 3 classes (multi_class must be in ('ovo', 'ovr')), got roc_auc. Choose one "
      "of: roc_auc_ovo, roc_auc_ovo_weighted, roc_auc_ovr, roc_auc_ovr_weighted."),
     ("dataset=iris metric=f1", "Choose one of: f1_macro, f1_micro, f1_weighted."),
     ("dataset=breast_cancer model=svm metric=log_loss", "log_loss does not fit SVC on 2 classes (RidgeClassifier has "
      "none of the following attributes: predict_proba), got log_loss. Choose one of: accuracy,")],
)  # fmt: skip
def test_metric_that_does_not_fit_is_one_line_that_names_those_that_do(
    refusal: Refusal, arguments: str, said: str
) -> None:
    message = refusal(arguments)
    assert message.startswith("metric: ") and said in message and "\n" not in message


def test_metrics_that_fit_are_taken(refusal: Refusal) -> None:
    assert not refusal("dataset=breast_cancer metric=[roc_auc,average_precision,neg_log_loss,f1,log_loss,fit_seconds]")
    assert not refusal("dataset=breast_cancer model=svm metric=roc_auc")
    assert not refusal("dataset=iris metric=[roc_auc_ovr,f1_macro]")
    assert not refusal("dataset=diabetes model=ridge metric=[r2,neg_root_mean_squared_error]")


@pytest.mark.parametrize("labels", [(0, 1), ("no", "yes")])
def test_values_are_scikit_learns_own_whatever_the_two_classes_are_called(labels: tuple[object, object]) -> None:
    draw = np.random.default_rng(0)
    features = pd.DataFrame(draw.normal(size=(60, 2)), columns=["a", "b"])
    truth = (features["a"] + draw.normal(size=60) > 0).astype(int)
    target = truth.map(dict(enumerate(labels)))
    pipeline = Pipeline([("model", LogisticRegression())]).fit(features, target)
    wanted = ["roc_auc", "average_precision", "f1", "neg_log_loss", "top_k_accuracy", "matthews_corrcoef"]
    check_metrics(wanted[:4], pipeline, target)
    found = score(pipeline, Data(features, target), wanted)
    probability, guess = pipeline.predict_proba(features)[:, 1], pipeline.predict(features) == labels[1]
    assert found["roc_auc"] == roc_auc_score(truth, probability)
    assert found["average_precision"] == average_precision_score(truth, probability)
    assert found["f1"] == f1_score(truth, guess)
    assert found["neg_log_loss"] == -found["log_loss"] == get_scorer("neg_log_loss")(pipeline, features, target)
    assert {"accuracy", "balanced_accuracy", "f1_macro", "matthews_corrcoef"} <= found.keys()
