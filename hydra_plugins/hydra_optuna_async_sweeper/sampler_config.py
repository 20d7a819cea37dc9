"""Optuna's samplers as options of `hydra/sweeper/sampler`, with the keys that hydra-optuna-sweeper gives them.

Where that is installed, its own options stay, but for `tpe` and `motpe`. References: https://optuna.readthedocs.io
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from omegaconf import II, MISSING, DictConfig, OmegaConf

from hydra_plugins.hydra_search.hydra_line import register_resolver

from .pruner_config import AUTO

IS_UPSTREAM_HERE = find_spec("hydra_plugins.hydra_optuna_sweeper") is not None
ASYNC = "hydra_plugins.hydra_optuna_async_sweeper.optuna_async_sweeper.OptunaAsyncSweeper"


def pinned(value: object, ours: object = None, *, _root_: DictConfig) -> object:
    """Return `value`, to which hydra-optuna-sweeper sets an option; `ours` under optuna_async, which decides itself."""
    return ours if OmegaConf.select(_root_, "hydra.sweeper._target_") == ASYNC else value


register_resolver("pinned", pinned)


@dataclass
class SamplerConf:
    """Any sampler."""

    _target_: str = MISSING
    seed: int | None = None


@dataclass
class TPEConf(SamplerConf):
    """Optuna's TPE; what is null is decided for the search, by Optuna 5's own defaults."""

    _target_: str = "optuna.samplers.TPESampler"
    consider_prior: bool | None = None
    prior_weight: float | None = None
    consider_magic_clip: bool | None = None
    consider_endpoints: bool | None = None
    n_startup_trials: int = 10
    n_ei_candidates: int = 24

    # Draw all parameters together. null: for a single objective
    multivariate: bool | None = II("pinned:false")

    group: bool = False
    warn_independent_sampling: bool | None = None

    # Let a running trial count as a bad one, so that workers keep apart. null: yes
    constant_liar: bool | None = II("pinned:false")

    constraints_func: Any = None


@dataclass
class AutoSamplerConf(SamplerConf):
    """A Gaussian process for a few trials of a few numbers, one objective, and torch installed; TPE otherwise."""

    _target_: str = II(f"pinned:optuna.samplers.TPESampler,{AUTO}")


@dataclass
class GridConf(SamplerConf):
    """Every point of a discrete space, once."""

    _target_: str = "optuna.samplers.GridSampler"
    _partial_: bool = True  # the sweeper knows the space


@dataclass
class RandomConf(SamplerConf):
    """By chance."""

    _target_: str = "optuna.samplers.RandomSampler"


@dataclass
class CmaEsConf(SamplerConf):
    """Needs the package cmaes."""

    _target_: str = "optuna.samplers.CmaEsSampler"
    x0: dict[str, Any] | None = None
    sigma0: float | None = None
    n_startup_trials: int = 1
    independent_sampler: Any = None
    warn_independent_sampling: bool = True
    consider_pruned_trials: bool = False
    restart_strategy: str | None = None
    popsize: int | None = None
    inc_popsize: int = -1
    use_separable_cma: bool = False
    with_margin: bool = False
    lr_adapt: bool = False
    source_trials: Any = None


@dataclass
class NSGAIIConf(SamplerConf):
    """For several objectives."""

    _target_: str = "optuna.samplers.NSGAIISampler"
    population_size: int = 50

    # From Optuna 5
    # e.g. {_target_: optuna.samplers.nsgaii.PolynomialMutation}
    mutation: Any = None

    mutation_prob: float | None = None
    crossover: Any = None
    crossover_prob: float = 0.9
    swapping_prob: float = 0.5
    constraints_func: Any = None


@dataclass
class NSGAIIIConf(NSGAIIConf):
    """For many objectives."""

    _target_: str = "optuna.samplers.NSGAIIISampler"

    # Of shape (n_points, n_objectives); null: spread evenly, by `dividing_parameter`
    # e.g. [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]
    reference_points: list[list[float]] | None = None

    dividing_parameter: int = 3


@dataclass
class GPConf(SamplerConf):
    """A Gaussian process; needs the package torch."""

    _target_: str = "optuna.samplers.GPSampler"
    independent_sampler: Any = None
    n_startup_trials: int = 10
    deterministic_objective: bool = False
    constraints_func: Any = None
    warn_independent_sampling: bool = True


@dataclass
class QMCConf(SamplerConf):
    """A quasi-random sequence."""

    _target_: str = "optuna.samplers.QMCSampler"
    qmc_type: str = "sobol"
    scramble: bool = False
    independent_sampler: Any = None
    warn_asynchronous_seeding: bool = True
    warn_independent_sampling: bool = True


# Since 4.0 Optuna's TPE is the multi-objective one too; upstream's entry only raises.
SAMPLERS: dict[str, type[SamplerConf]] = {"auto": AutoSamplerConf, "tpe": TPEConf, "motpe": TPEConf}
if not IS_UPSTREAM_HERE:
    SAMPLERS |= {
        "grid": GridConf, "random": RandomConf, "cmaes": CmaEsConf, "nsgaii": NSGAIIConf, "nsgaiii": NSGAIIIConf,
        "gp": GPConf, "qmc": QMCConf,
    }  # fmt: skip
