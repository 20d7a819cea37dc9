"""One sampler per trial, so that a trial draws the same point whichever worker runs it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

import numpy as np
from hydra.utils import instantiate
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, QMCSampler, RandomSampler

if TYPE_CHECKING:
    from ._search import Plain

TARGETS = ("optuna.samplers.*", "hydra_plugins.hydra_optuna_sweeper.*")


def is_grid(sampler: "Plain") -> bool:
    """Tell whether the points are enumerated instead of drawn."""
    return str(sampler.get("_target_", "")).endswith("GridSampler")


class Samplers:
    """Makes the sampler of each trial.

    Args:
        spec: `_target_` and arguments, as in hydra/sweeper/sampler.
        space: the parameters that every trial has.
    """

    def __init__(self, spec: "Plain", space: Mapping[str, BaseDistribution]) -> None:
        self._seed = spec.get("seed")
        self._space = space
        self._is_qmc = str(spec["_target_"]).endswith("QMCSampler")
        # A grid's points are in the queue; what a point leaves open is drawn.
        self._make: Callable[..., BaseSampler] = RandomSampler if is_grid(spec) else _maker(spec)

    def of_trial(self, number: int) -> BaseSampler:
        """Return the sampler of trial `number`, seeded by (seed, number); without a seed, by chance."""
        if self._is_qmc:
            return numbered_qmc(self._make(), number, self._space)
        return self._make(seed=seed_of(self._seed, number))


def instantiate_sampler(spec: "Plain") -> BaseSampler:
    """Call the `_target_` of a sampler; nothing but samplers can be called."""
    return cast("BaseSampler", instantiate(dict(spec), _execution_whitelist_=TARGETS))


def _maker(spec: "Plain") -> Callable[..., BaseSampler]:
    maker = instantiate({**spec, "_partial_": True}, _execution_whitelist_=TARGETS)
    return cast("Callable[..., BaseSampler]", maker)


def seed_of(seed: object, number: int) -> int | None:
    """Return an independent seed for each trial of a seeded search."""
    if not isinstance(seed, int):
        return None
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def numbered_qmc(sampler: BaseSampler, number: int, space: Mapping[str, BaseDistribution]) -> BaseSampler:
    """Let trial `number` take point `number` of the sequence.

    Optuna counts the points in the study, not atomically, and draws the first ones independently.
    """
    qmc = cast("QMCSampler", sampler)
    qmc._find_sample_id = lambda study, search_space: number  # type: ignore[method-assign]
    qmc.infer_relative_search_space = lambda study, trial: dict(space)  # type: ignore[method-assign]
    return qmc
