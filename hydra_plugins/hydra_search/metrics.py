"""Which way a metric is better, where its name says it."""

import re

from .hydra_line import register_resolver
from .trials import MAXIMIZE, MINIMIZE

# By the last word of a name: `val_loss`, `test/accuracy`, `roc_auc_score`.
_LOWER = (
    "loss logloss error err mse rmse mae mape smape msle rmsle nll deviance perplexity brier ece wer cer fid latency"
)
_HIGHER = "accuracy acc auc auroc auprc f1 precision recall jaccard r2 ndcg mcc kappa iou miou dice bleu psnr corrcoef"
_LAST_WORDS = {MINIMIZE: frozenset(_LOWER.split()), MAXIMIZE: frozenset(_HIGHER.split())}
# By the last words.
_ENDINGS = {
    MINIMIZE: ("cross_entropy", "error_rate", "fit_time", "fit_seconds", "score_time"),
    MAXIMIZE: ("explained_variance", "log_likelihood"),
}
_NEGATED = re.compile(r"(?:.*_)?(?:neg|negative|minus)_(.+)")
# scikit-learn's own: `f1_macro`, `roc_auc_ovr_weighted`, `d2_log_loss_score`
_AVERAGE = re.compile(r"(_(macro|micro|weighted|samples|ovr|ovo))+$")
_SKILL = re.compile(r"(.*_)?d2_.*")
# those of its scorers that no word tells: of clusters, and of a ratio whose own name says `negative`
_OF_CLUSTERS = "rand adjusted_rand mutual_info adjusted_mutual_info normalized_mutual_info v_measure completeness"
_RATIOS = "homogeneity fowlkes_mallows positive_likelihood_ratio neg_negative_likelihood_ratio"
_SCORERS = frozenset(f"{_OF_CLUSTERS} {_RATIOS}".split())


def known_direction(name: str) -> str | None:
    """Return `maximize` or `minimize` for a metric that is known by its name; None for any other."""
    words = "_".join(re.findall(r"[a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()))
    if words.removesuffix("_score") in _SCORERS:
        return MAXIMIZE
    if negated := _NEGATED.fullmatch(words):
        return MAXIMIZE if known_direction(negated[1]) == MINIMIZE else None
    if _SKILL.fullmatch(words):
        return MAXIMIZE
    words = _AVERAGE.sub("", words).removesuffix("_score")
    for direction, endings in _ENDINGS.items():
        if any(f"_{words}".endswith(f"_{ending}") for ending in endings):
            return direction
    last = words.rpartition("_")[2]
    return next((direction for direction, known in _LAST_WORDS.items() if last in known), None)


def direction_of(metric: object) -> str | list[str]:
    """Return the direction of a metric, or of each of a list; `maximize` for one that is not known.

    The configuration's `${direction_of:${metric}}`.
    """
    if isinstance(metric, str) or not hasattr(metric, "__iter__"):
        return known_direction(str(metric)) or MAXIMIZE
    return [known_direction(str(name)) or MAXIMIZE for name in metric]


register_resolver("direction_of", direction_of)
