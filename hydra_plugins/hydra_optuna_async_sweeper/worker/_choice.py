"""What a sampler does where its settings leave it open, decided for the search."""

import logging
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from optuna.distributions import CategoricalDistribution

from ..pruner_config import AUTO

if TYPE_CHECKING:
    from ..space._tree import Space

log = logging.getLogger(__name__)

TPE, GP = "optuna.samplers.TPESampler", "optuna.samplers.GPSampler"
# Up to here a Gaussian process is worth its time: each draw takes longer than the last.
MOST_TRIALS, MOST_PARAMETERS = 60, 8


def settle(
    spec: Mapping[str, object] | None, space: "Space | None", n_objectives: int, n_trials: int
) -> Mapping[str, object]:
    """Return the sampler's settings with what they leave open decided for this search; what they say stays.

    For TPE and `auto` null is open; for other samplers it is a value, and nothing is open.

    Args:
        spec: None where nothing is said: TPE, as in Optuna.
        space: None where it is not known before a trial.
        n_objectives: how many values a trial has.
        n_trials: the study's total.
    """
    spec = spec or {"_target_": TPE}
    if spec.get("_target_") not in (TPE, AUTO):
        return spec
    given = {key: value for key, value in spec.items() if value is not None}
    if given["_target_"] == AUTO:
        obstacle = _obstacle(space, n_objectives, n_trials)
        given["_target_"] = TPE if obstacle else GP
        why = obstacle or f"one objective, few numbers to choose, and {n_trials} trials"
        log.info(f"hydra/sweeper/sampler=auto takes {'tpe' if obstacle else 'gp'}: {why}")
    if given["_target_"] == GP:
        return given
    # Optuna 5's own defaults, said so that Optuna 4 has them too
    multivariate = bool(given.get("multivariate", n_objectives == 1 or given.get("group", False)))
    return {"multivariate": multivariate, "constant_liar": True, **given}


def _obstacle(space: "Space | None", n_objectives: int, n_trials: int) -> str:
    """Return what speaks against a Gaussian process; nothing, if it suits the search."""
    if n_objectives > 1:
        return f"there are {n_objectives} objectives"
    if space is None:
        return "custom_search_space decides in each trial what there is to choose"
    if any(isinstance(parameter.domain.distribution, CategoricalDistribution) for parameter in space.parameters):
        return "not all that is to choose are numbers"
    if len(space.parameters) > MOST_PARAMETERS:
        return f"there are more than {MOST_PARAMETERS} parameters"
    if n_trials > MOST_TRIALS:
        return f"there are more than {MOST_TRIALS} trials"
    return "" if find_spec("torch") else "torch is not installed (pip install torch)"
