"""One sampler per trial, so that a trial draws the same point whichever worker runs it."""

from collections.abc import Mapping
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


def make_sampler(spec: "Plain", number: int, space: Mapping[str, BaseDistribution]) -> BaseSampler:
    """Return the sampler of trial `number`, seeded by (seed, number); without a seed, by chance.

    Args:
        spec: `_target_` and arguments, as in hydra/sweeper/sampler.
        number: the trial's number in the study.
        space: the parameters that every trial has.
    """
    seed = spec.get("seed")
    if is_grid(spec):  # its points are in the queue; this one draws what a point leaves open
        return RandomSampler(seed_of(seed, number))
    if str(spec["_target_"]).endswith("QMCSampler"):
        return numbered_qmc(instantiate_sampler(spec), number, space)
    return instantiate_sampler({**spec, "seed": seed_of(seed, number)})


def instantiate_sampler(spec: "Plain") -> BaseSampler:
    """Call the `_target_` of a sampler; nothing but samplers can be called."""
    return cast("BaseSampler", instantiate(dict(spec), _execution_whitelist_=TARGETS))


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
