"""What suggests and prunes: one sampler per trial, the pruner of a study.

With a sampler for each trial, a trial draws the same parameters whichever worker runs it.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, cast
from zlib import crc32

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, QMCSampler, RandomSampler, nsgaii
from optuna.storages import InMemoryStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search.errors import bad_input
from hydra_plugins.hydra_search.hydra_line import instantiate
from hydra_plugins.hydra_search.trials import FIXED, RETRY_OF

from .._targets import check_targets, make
from .._upstream import carry_search_space, inner_samplers, separate_generators, take_sample
from ..pruner_config import AUTO

if TYPE_CHECKING:
    from optuna.search_space import IntersectionSearchSpace

    from ..space._tree import Space

Plain = Mapping[str, object]

SAMPLERS = (
    "optuna.samplers.*",
    "hydra_plugins.hydra_optuna_sweeper._impl.create_nsgaii_sampler",
    "hydra_plugins.hydra_optuna_sweeper._impl.create_nsgaiii_sampler",
)
ARRAYS = ("reference_points",)  # of NSGA-III, which YAML has as a list
SINCE_OPTUNA_5 = ("mutation",)
# Mutations are classes from Optuna 5 on.
SAMPLER_KINDS = (BaseSampler, nsgaii.BaseCrossover, getattr(nsgaii, "BaseMutation", nsgaii.BaseCrossover))
PRUNERS = ("optuna.pruners.*",)
# What Optuna imports only when such a sampler draws, for some after the first ten trials.
PACKAGES = {"CmaEsSampler": "cmaes", "GPSampler": "torch"}
SAMPLER_DRAWS = 5  # of a trial, before chance draws for it
RANDOM = "optuna.samplers.RandomSampler"


def is_grid(sampler: Plain) -> bool:
    """Tell whether the sampler enumerates its trials instead of drawing them."""
    return str(sampler.get("_target_", "")).endswith("GridSampler")


def is_auto(spec: Plain | None) -> bool:
    """Tell whether it is left to us what prunes, and whether anything does."""
    return spec is not None and spec.get("_target_") == AUTO


class Samplers:
    """Makes the sampler of each trial, from hydra/sweeper/sampler.

    Optuna's own keep nothing but what they have read in the study: each trial has a new one, which is given that. A
    sampler of somebody else's may have a state: each worker keeps one.

    Args:
        spec: the sampler's settings; its own seed and those of the samplers inside it are derived from its `seed`.
        space: the parameters that every trial has.
        study_name: decides what a quasi-random sequence without a seed begins with, the same in each worker.
    """

    def __init__(self, spec: Plain, space: Mapping[str, BaseDistribution], study_name: str = "") -> None:
        check_targets(spec, SAMPLER_KINDS, SAMPLERS)
        self._maker = Maker.of({**spec, "_target_": RANDOM} if is_grid(spec) else spec)  # its trials are in the queue
        self._seed = spec.get("seed")
        self._space = space
        self._sequence = self._seed if isinstance(self._seed, int) else crc32(study_name.encode())
        self._kept: BaseSampler | None = None
        self._carried: dict[bool, IntersectionSearchSpace] = {}

    @property
    def has_state(self) -> bool:
        """Whether the sampler, or one inside it, is not Optuna's own."""
        return not self._maker.is_optunas

    def of_trial(self, number: int, attempt: int = 0) -> BaseSampler:
        """Return the sampler of trial `number`, seeded by (seed, number, attempt); without a seed, by chance.

        A worker's only one is seeded by the first trial that the worker takes. After `SAMPLER_DRAWS` attempts others
        are left alone: what they take for the best place is known by then, and chance draws elsewhere.
        """
        if self._kept is not None:
            return self._kept
        seed = _seed_of(self._seed, number, *([attempt] if attempt else []))
        if attempt >= SAMPLER_DRAWS and not self.has_state:
            return RandomSampler(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # Optuna's word on some options, once for each trial
            sampler = self._maker.make(seed, self._sequence)
        for each in inner_samplers(sampler):
            carry_search_space(each, self._carried)
            if isinstance(each, QMCSampler):
                take_sample(each, self._space, sample_number if attempt == 0 else no_number)
        if self.has_state:
            self._kept = sampler
        return sampler


@dataclass(frozen=True)
class Maker:
    """A sampler's class with its settings, and the makers of the samplers that stand in these."""

    maker: Callable[..., BaseSampler]
    inner: Mapping[str, "Maker"]
    arrays: Mapping[str, "np.ndarray[Any, np.dtype[np.float64]]"]

    @classmethod
    def of(cls, spec: Plain) -> "Maker":
        """Find the class, the only thing that is called. Raises what `check_targets` does."""
        inner = {key: cls.of(value) for key, value in spec.items() if isinstance(value, Mapping) and _is_sampler(value)}
        arrays = {key: np.asarray(spec[key], float) for key in ARRAYS if spec.get(key) is not None}
        absent = [key for key in (*ARRAYS, *SINCE_OPTUNA_5) if spec.get(key) is None]
        left = {key: value for key, value in spec.items() if key not in {*inner, *arrays, *absent, "seed"}}
        return cls(_class_of(left), inner, arrays)

    @property
    def is_optunas(self) -> bool:
        """Whether it and all inside it are Optuna's own; those of hydra-optuna-sweeper's functions are."""
        module = self._callable.__module__
        own = module.startswith(("optuna.", "hydra_plugins.hydra_optuna_sweeper."))
        return own and all(maker.is_optunas for maker in self.inner.values())

    def make(self, seed: int | None, sequence: int) -> BaseSampler:
        """Make it. Where Optuna begins two random generators with one seed, they are given two.

        Args:
            seed: of what is drawn by chance; handed over where the class takes one.
            sequence: seed of a quasi-random sequence, which all trials share.
        """
        inner = {key: maker.make(_seed_of(seed, place), sequence) for place, (key, maker) in enumerate(self._places, 1)}
        own = sequence if self._callable is QMCSampler else seed
        seeds = {"seed": own} if self._takes_seed else {}
        sampler = self.maker(**inner, **self.arrays, **seeds)
        if seed is not None:
            separate_generators(sampler, cast("int", _seed_of(seed, 0)))
        return sampler

    @property
    def _callable(self) -> Any:  # Any: a class, or a function of hydra-optuna-sweeper
        return getattr(self.maker, "func", self.maker)

    @cached_property
    def _places(self) -> list[tuple[str, "Maker"]]:
        return sorted(self.inner.items())

    @cached_property
    def _takes_seed(self) -> bool:
        parameters = signature(self._callable).parameters
        return "seed" in parameters or any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values())


def _is_sampler(spec: Plain) -> bool:
    if "_target_" not in spec or spec.get("_partial_"):
        return False
    made = getattr(_class_of({"_target_": spec["_target_"]}), "func", None)
    return isinstance(made, type) and issubclass(made, BaseSampler)


def _class_of(spec: Plain) -> Callable[..., BaseSampler]:
    maker = instantiate({**spec, "_partial_": True}, SAMPLERS)
    return cast("Callable[..., BaseSampler]", maker)


def _seed_of(seed: object, *numbers: int) -> int | None:
    if not isinstance(seed, int):
        return None
    return int(np.random.SeedSequence([seed, *numbers]).generate_state(1)[0])


def sample_number(trials: Sequence[FrozenTrial], number: int) -> int | None:
    """Return the place of trial `number` in a quasi-random sequence: its rank among the trials that are drawn.

    A trial that repeats a lost one has its place. None for a trial whose parameters the user has set.
    """
    numbers = {trial.number: trial for trial in trials}
    trial = numbers[number]
    while (repeated := trial.user_attrs.get(RETRY_OF)) in numbers:
        trial = numbers[repeated]
    if FIXED in trial.system_attrs:
        return None
    return sum(FIXED not in other.system_attrs and other.number < trial.number for other in trials)


def no_number(trials: Sequence[FrozenTrial], number: int) -> None:
    """Give out no place of a sequence: the one of trial `number` is known, and draws nothing new."""


def try_sampler(spec: Plain, space: "Space", directions: Sequence[str], pruner: BasePruner) -> None:
    """Make a sampler exactly as for a trial, and let it draw one in a study of its own.

    Raises:
        BadInput: it needs a package that is not installed.
        Exception: whatever the sampler raises for its settings, the space or the directions.
    """
    sampler = Samplers(spec, everywhere(space)).of_trial(0)
    for each in inner_samplers(sampler):
        package = PACKAGES.get(type(each).__name__)
        if package and not find_spec(package):
            rule, remedy = f"needs the package {package}, which is not installed", f"Install it: pip install {package}"
            raise bad_input("hydra.sweeper.sampler", type(each).__name__, rule, remedy)
    optuna.logging.disable_default_handler()  # it would announce the study, which nobody sees again
    storage = InMemoryStorage()
    storage.create_new_study([StudyDirection[direction.upper()] for direction in directions], "trial")
    study = Study("trial", storage, sampler, pruner)
    space.suggest(study.ask())


def everywhere(space: "Space") -> dict[str, BaseDistribution]:
    """Return the parameters that every trial has."""
    return {parameter.name: parameter.domain.distribution for parameter in space.parameters}


def make_pruner(spec: Plain | None) -> BasePruner:
    """Call the `_target_` of a pruner; nothing but pruners can be called. None never prunes."""
    if not spec or is_auto(spec):
        return MedianPruner() if spec else NopPruner()
    return cast("BasePruner", make(spec, (BasePruner,), PRUNERS))
