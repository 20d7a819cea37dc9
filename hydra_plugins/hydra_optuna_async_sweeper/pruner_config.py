"""The options of hydra/sweeper/pruner, which `config` registers."""

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

AUTO = "auto"


@dataclass
class PrunerConf:
    """Base of hydra/sweeper/pruner; see optuna.pruners for what the fields mean."""

    _target_: str = MISSING


@dataclass
class NoPrunerConf(PrunerConf):
    """Every trial runs to its end."""

    _target_: str = "optuna.pruners.NopPruner"


@dataclass
class AutoPrunerConf(PrunerConf):
    """As `median` for one objective; for several, or where jobs report nothing, none."""

    _target_: str = AUTO


@dataclass
class MedianPrunerConf(PrunerConf):
    """Ends a trial that is worse than the median of the earlier ones at the same step."""

    _target_: str = "optuna.pruners.MedianPruner"
    n_startup_trials: int = 5
    n_warmup_steps: int = 0
    interval_steps: int = 1
    n_min_trials: int = 1


@dataclass
class PercentilePrunerConf(MedianPrunerConf):
    """Keeps the best `percentile` percent at each step."""

    _target_: str = "optuna.pruners.PercentilePruner"
    percentile: float = 25.0


@dataclass
class SuccessiveHalvingPrunerConf(PrunerConf):
    """Asynchronous successive halving (https://arxiv.org/abs/1810.05934)."""

    _target_: str = "optuna.pruners.SuccessiveHalvingPruner"
    min_resource: Any = "auto"
    reduction_factor: int = 4
    min_early_stopping_rate: int = 0
    bootstrap_count: int = 0


@dataclass
class HyperbandPrunerConf(PrunerConf):
    """Several brackets of successive halving (https://jmlr.org/papers/v18/16-558.html)."""

    _target_: str = "optuna.pruners.HyperbandPruner"
    min_resource: int = 1
    max_resource: Any = "auto"
    reduction_factor: int = 3
    bootstrap_count: int = 0


@dataclass
class PatientPrunerConf(PrunerConf):
    """Lets `wrapped_pruner` decide only after `patience` steps without improvement; null prunes then."""

    _target_: str = "optuna.pruners.PatientPruner"
    wrapped_pruner: Any = None
    patience: int = 3
    min_delta: float = 0.0


@dataclass
class ThresholdPrunerConf(PrunerConf):
    """Ends a trial whose value leaves the interval."""

    _target_: str = "optuna.pruners.ThresholdPruner"
    lower: float | None = None
    upper: float | None = None
    n_warmup_steps: int = 0
    interval_steps: int = 1


@dataclass
class WilcoxonPrunerConf(PrunerConf):
    """For steps that are instances or folds: ends a trial that the signed-rank test finds worse than the best."""

    _target_: str = "optuna.pruners.WilcoxonPruner"
    p_threshold: float = 0.1
    n_startup_steps: int = 2


PRUNERS = {
    "none": NoPrunerConf,
    "auto": AutoPrunerConf,
    "median": MedianPrunerConf,
    "percentile": PercentilePrunerConf,
    "successive_halving": SuccessiveHalvingPrunerConf,
    "hyperband": HyperbandPrunerConf,
    "patient": PatientPrunerConf,
    "threshold": ThresholdPrunerConf,
    "wilcoxon": WilcoxonPrunerConf,
}
