"""What a run leaves in its directory: metrics, predictions, plots that fit the task, the model."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.hydra_search.files import EXAMPLE, METRICS, MODEL

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from sklearn.pipeline import Pipeline

    from .data import Data


def predict(pipeline: "Pipeline", data: "Data", fold: int) -> "pd.DataFrame":
    """Return one line per row: row, fold, target, prediction; residual, or what the model says of each class."""
    import pandas as pd
    from sklearn.base import is_regressor

    lines = pd.DataFrame({"row": data.features.index, "fold": fold, "target": data.target.to_numpy()})
    lines["prediction"] = pipeline.predict(data.features)
    if is_regressor(pipeline):
        lines["residual"] = lines["target"] - lines["prediction"]
    elif hasattr(pipeline, "predict_proba"):
        lines[[f"probability_{label}" for label in pipeline.classes_]] = pipeline.predict_proba(data.features)
    elif hasattr(pipeline, "decision_function") and len(pipeline.classes_) == 2:
        lines["decision"] = pipeline.decision_function(data.features)  # the higher, the more it is the second class
    return lines


def warning_of(predicted: "pd.DataFrame") -> str:
    """Say that every prediction is the same, however good the metric looks; empty where they differ."""
    same = predicted["prediction"].unique()
    if len(same) > 1:
        return ""
    return f"every prediction is {'' if 'residual' in predicted else 'the majority class, '}{same[0]}"


def write_results(output_dir: Path, metrics: dict[str, float], predicted: "pd.DataFrame") -> None:
    """Write metrics.json, predictions.csv and the plots."""
    write_json(output_dir / METRICS, metrics)
    predicted.to_csv(output_dir / "predictions.csv", index=False)
    if "residual" in predicted:
        draw_residuals(predicted).savefig(output_dir / "residuals.png")
        return
    draw_confusion_matrix(predicted).savefig(output_dir / "confusion_matrix.png")
    labels = sorted(predicted["target"].unique())
    scores = predicted.filter(["decision", f"probability_{labels[-1]}"])
    if len(labels) == 2 and len(scores.columns):
        figure = draw_curves(predicted["target"] == labels[1], scores.iloc[:, 0], str(labels[1]))
        figure.savefig(output_dir / "curves.png")


def draw_confusion_matrix(predicted: "pd.DataFrame") -> "Figure":
    """Draw how often each class was taken for which."""
    from matplotlib.figure import Figure
    from sklearn.metrics import ConfusionMatrixDisplay

    figure = Figure(figsize=(5, 4.5), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(
        predicted["target"], predicted["prediction"], ax=figure.subplots(), cmap="Blues", colorbar=False
    )
    return figure


def draw_curves(truth: "pd.Series[bool]", scores: "pd.Series[float]", positive: str) -> "Figure":
    """Draw the ROC and the precision-recall curve of two classes."""
    from matplotlib.figure import Figure
    from sklearn.metrics import PrecisionRecallDisplay, RocCurveDisplay

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    for display, axes in zip((RocCurveDisplay, PrecisionRecallDisplay), figure.subplots(1, 2), strict=True):
        display.from_predictions(truth, scores, ax=axes, name=positive, plot_chance_level=True)
    return figure


def draw_residuals(predicted: "pd.DataFrame") -> "Figure":
    """Draw the target over the prediction, and what is left of it over the prediction."""
    from matplotlib.figure import Figure
    from sklearn.metrics import PredictionErrorDisplay

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    for kind, axes in zip(("actual_vs_predicted", "residual_vs_predicted"), figure.subplots(1, 2), strict=True):
        PredictionErrorDisplay.from_predictions(
            predicted["target"], predicted["prediction"], kind=kind, ax=axes, random_state=0
        )
    return figure


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write one JSON object."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def save_model(output_dir: Path, pipeline: "Pipeline", features: "pd.DataFrame") -> None:
    """Write the fitted pipeline to model.joblib, and the rows that show what it takes to input_example.parquet."""
    import joblib

    joblib.dump(pipeline, output_dir / MODEL)
    features.head().to_parquet(output_dir / EXAMPLE)
