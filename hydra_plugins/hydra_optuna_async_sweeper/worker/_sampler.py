"""What suggests and prunes: one sampler per trial, the pruner of a study, the user's own search space.

With a sampler for each trial, a trial draws the same parameters whichever worker runs it.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from hydra.errors import HydraException
from hydra.utils import instantiate
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.samplers.nsgaii import BaseCrossover

from hydra_plugins.hydra_search.errors import bad_input, one_line

from .._targets import check_targets, make
from .._upstream import take_sample

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from optuna.trial import Trial

Plain = Mapping[str, object]
CustomSpace = Callable[["DictConfig", "Trial"], None]

SAMPLERS = (
    "optuna.samplers.*",
    "hydra_plugins.hydra_optuna_sweeper._impl.create_nsgaii_sampler",
    "hydra_plugins.hydra_optuna_sweeper._impl.create_nsgaiii_sampler",
    "hydra_plugins.hydra_optuna_sweeper.config.raise_motpe_removed",  # its message says what to choose instead
)
SAMPLER_KINDS = (BaseSampler, BaseCrossover)
PRUNERS = ("optuna.pruners.*",)


def is_grid(sampler: Plain) -> bool:
    """Tell whether the sampler enumerates its trials instead of drawing them."""
    return str(sampler.get("_target_", "")).endswith("GridSampler")


class Samplers:
    """Makes the sampler of each trial, from hydra/sweeper/sampler; `space` are the parameters that every trial has."""

    def __init__(self, spec: Plain, space: Mapping[str, BaseDistribution]) -> None:
        self._seed = spec.get("seed")
        self._space = space
        self._is_qmc = str(spec["_target_"]).endswith("QMCSampler")
        # A grid's trials are in the queue; what one leaves open is drawn.
        self._make: Callable[..., BaseSampler] = RandomSampler if is_grid(spec) else _maker(spec)

    def of_trial(self, number: int) -> BaseSampler:
        """Return the sampler of trial `number`, seeded by (seed, number); without a seed, by chance."""
        if not self._is_qmc:
            return self._make(seed=_seed_of(self._seed, number))
        sampler = self._make()
        take_sample(sampler, number, self._space)
        return sampler


def make_sampler(spec: Plain) -> BaseSampler:
    """Call the `_target_` of a sampler; nothing but samplers and their crossovers can be called."""
    return cast("BaseSampler", make(spec, SAMPLER_KINDS, SAMPLERS))


def _maker(spec: Plain) -> Callable[..., BaseSampler]:
    check_targets(spec, SAMPLER_KINDS, SAMPLERS)
    maker = instantiate({**spec, "_partial_": True}, _execution_whitelist_=SAMPLERS)
    return cast("Callable[..., BaseSampler]", maker)


def _seed_of(seed: object, number: int) -> int | None:
    if not isinstance(seed, int):
        return None
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def make_pruner(spec: Plain | None) -> BasePruner:
    """Call the `_target_` of a pruner; nothing but pruners can be called. None never prunes."""
    if not spec:
        return NopPruner()
    return cast("BasePruner", make(spec, (BasePruner,), PRUNERS))


def load_custom_space(path: str | None) -> CustomSpace | None:
    """Return upstream's `custom_search_space`, a function that suggests more parameters; None if there is none.

    Raises:
        BadInput: it can't be imported, or is not in the execution whitelist.
    """
    if not path:
        return None
    try:
        function: Any = instantiate({"_target_": path, "_partial_": True})  # Any: whatever the user's function is
    except HydraException as error:
        rule = f"can't be used ({one_line(error.__cause__ or error).rstrip('.')})"
        remedy = f"Name a function(config, trial) of an importable module, and write {path!r} into the whitelist: "
        remedy += "@hydra.main(execution_whitelist=[...])."
        raise bad_input("hydra.sweeper.custom_search_space", path, rule, remedy) from error
    return cast("CustomSpace", function)
