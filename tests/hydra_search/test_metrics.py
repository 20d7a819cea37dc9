import pytest

from hydra_plugins.hydra_search.metrics import direction_of, known_direction

LOWER = (
    "log_loss val_loss valLoss val/loss mse RMSE mean_absolute_error max_error error-rate fit_seconds brier_score_loss"
)
HIGHER = (
    "accuracy balanced_accuracy val/acc f1 f1_macro f1_score roc_auc roc_auc_ovr_weighted r2 average_precision "
    "neg_log_loss neg_root_mean_squared_error negative_mse d2_absolute_error_score matthews_corrcoef explained_variance"
)
UNKNOWN = "score value reward lossless loss_reduction neg_accuracy uptime_seconds precision_loss_ratio x"


@pytest.mark.parametrize(
    ("names", "direction"), [(LOWER, "minimize"), (HIGHER, "maximize"), (UNKNOWN, None)], ids=["low", "high", "unknown"]
)
def test_direction_is_known_by_the_metrics_name(names: str, direction: str | None) -> None:
    found = {name: known_direction(name) for name in names.split()}
    assert found == dict.fromkeys(names.split(), direction)


def test_configuration_takes_the_known_direction_of_each_metric_and_else_maximizes() -> None:
    assert direction_of("log_loss") == "minimize"
    assert direction_of("score") == direction_of(None) == "maximize"
    assert direction_of(["accuracy", "fit_seconds"]) == ["maximize", "minimize"]
