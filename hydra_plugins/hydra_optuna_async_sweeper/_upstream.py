"""What is private in Hydra, OmegaConf and Optuna and has no public way: here, and for storages in their own folder.

`tests/hydra_optuna_async_sweeper/test_upstream.py` fails when one of these names changes its meaning.
"""

import copyreg
import dataclasses
import pickle
from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING, cast

import cloudpickle
from hydra._internal import config_loader_impl
from hydra.core import utils
from omegaconf import DictConfig, flag_override
from omegaconf.basecontainer import BaseContainer
from optuna.pruners import _filter_study
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hydra.core.override_parser.types import Override
    from hydra.core.utils import JobReturn
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import QMCSampler
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, Trial, TrialState


# dataclasses tell "no default" by identity, which a class loses that travels by value.
copyreg.pickle(type(dataclasses.MISSING), lambda _: "MISSING")


def pickled(config: DictConfig) -> bytes:
    """Pickle a configuration for this process."""
    try:
        return pickle.dumps(config)
    except (pickle.PicklingError, AttributeError):  # in a worker: it has dataclasses of the sweep's `__main__`
        dumped: bytes = cloudpickle.dumps(config)
        return dumped


def hidden_hydra(config: DictConfig) -> DictConfig:
    """Return the `hydra` node alone, as `HydraConfig` keeps it: what it refers to is still found in `config`.

    `HydraConfig.set_config` would make a copy of it.
    """
    node, hidden = config.hydra, DictConfig({})
    with flag_override(hidden, "no_deepcopy_set_nodes", True):
        hidden.hydra = node
    node._set_parent(config)
    return hidden


def flush_loggers() -> None:
    """Let every handler write what it has; logging has no public way to find them."""
    utils._flush_loggers()


def keep_traceback(job: "JobReturn", error: Exception) -> None:
    """Let a JobReturn travel with the traceback of its error, which pickle leaves out. Hydra 1.3 can't do that."""
    with suppress(Exception):  # as Hydra does
        job._remote_traceback = utils._serialize_traceback(error.__traceback__)
        job._remote_exception_chain = utils._serialize_exception_chain(error)
        job._remote_exception_group = utils._serialize_exception_group(error)


def pickled_resolvers() -> "dict[str, bytes]":
    """Return what `${name:...}` calls, as far as it can travel: a worker does not run the application's `__main__`."""
    found: dict[str, bytes] = {}
    for name, resolver in BaseContainer._resolvers.items():
        with suppress(Exception):  # whatever an object raises that can't be pickled
            found[name] = cloudpickle.dumps(resolver)
    return found


def register_resolvers(pickled: "Mapping[str, bytes]") -> None:
    """Let `${name:...}` call what this process does not know yet of `pickled_resolvers`."""
    for name, resolver in pickled.items():
        if name not in BaseContainer._resolvers:
            with suppress(Exception):  # its module is not there: whoever uses it hears that it is unknown
                BaseContainer._resolvers[name] = pickle.loads(resolver)  # noqa: S301  # our own


def apply_values(overrides: "Sequence[Override]", config: DictConfig) -> None:
    """Apply `key=value` overrides to a composed configuration, exactly as composing with them would."""
    config_loader_impl.ConfigLoaderImpl._apply_overrides_to_config(list(overrides), config)


def name_overrides(hydra: DictConfig, overrides: "Sequence[Override]") -> None:
    """Write a job's `override_dirname`, as Hydra 1.3 does when it composes; 1.4 works it out when it is asked."""
    name = getattr(config_loader_impl, "get_overrides_dirname", None)
    if name:
        settings = hydra.job.config.override_dirname
        hydra.job.override_dirname = name(
            overrides=list(overrides), exclude_keys=settings.exclude_keys, item_sep=settings.item_sep,
            kv_sep=settings.kv_sep,
        )  # fmt: skip


def returned(job: "JobReturn") -> object:
    """Return what a job returned, or the exception that ended it; the public `return_value` would raise that again."""
    value: object = job._return_value
    return value


def trial_id(trial: "FrozenTrial | Trial") -> int:
    """Return the id by which storages know a trial; by its number they would have to look it up."""
    return trial._trial_id


def take_sample(
    sampler: "QMCSampler",
    space: "Mapping[str, BaseDistribution]",
    place: "Callable[[Sequence[FrozenTrial], int], int | None]",
) -> None:
    """Let a quasi-random sampler give out one place of its sequence over `space`, and nothing else.

    Optuna counts the samples in the study, not atomically, and draws the first ones independently.

    Args:
        sampler: of one trial.
        space: the parameters that every trial has.
        place: returns the place from the study's trials and the trial's number; None to draw independently.
    """
    places: list[int] = []

    def find_space(study: "Study", trial: "FrozenTrial") -> "dict[str, BaseDistribution]":
        found = place(study.get_trials(deepcopy=False), trial.number)
        places[:] = [] if found is None else [found]
        return dict(space) if places else {}

    sampler._find_sample_id = lambda study, search_space: places[0]  # type: ignore[method-assign]
    sampler.infer_relative_search_space = find_space  # type: ignore[method-assign]


class HeldBack:
    """A storage that keeps back the parameters of one trial, until they are released."""

    def __init__(self, trial: "Trial") -> None:
        self._trial, self._storage = trial, trial.storage
        self._kept: list[tuple[int, str, float, BaseDistribution]] = []
        trial.storage = cast("BaseStorage", self)
        # a journal hands out the trial that it keeps itself
        trial._cached_frozen_trial = deepcopy(trial._cached_frozen_trial)

    def __getattr__(self, name: str) -> object:
        return getattr(self._storage, name)

    def set_trial_param(self, trial_id: int, name: str, value: float, distribution: "BaseDistribution") -> None:
        """Keep it, and write nothing."""
        self._kept.append((trial_id, name, value, distribution))

    def release(self) -> None:
        """Write what was kept; the trial writes by itself from here on."""
        self._trial.storage = self._storage
        for parameter in self._kept:
            self._storage.set_trial_param(*parameter)


# Where Optuna's samplers keep the samplers that they ask.
INNER_SAMPLERS = ("_random_sampler", "_independent_sampler", "_base_sampler")


def inner_samplers(sampler: "BaseSampler") -> "Iterator[BaseSampler]":
    """Yield a sampler and those that it asks, at any depth."""
    yield sampler
    for name in INNER_SAMPLERS:
        inner = getattr(sampler, name, None)
        if isinstance(inner, BaseSampler):
            yield from inner_samplers(inner)


def separate_generators(sampler: "BaseSampler", seed: int) -> None:
    """Seed the random sampler inside a sampler apart from it.

    Optuna begins both generators with one seed: where NSGA-II decides by its own number whether to mutate, the mutated
    value would be that number again. A quasi-random sampler would draw in each trial what it has drawn in the first.
    """
    for name in INNER_SAMPLERS[:2]:
        if type(getattr(sampler, name, None)) is RandomSampler:
            setattr(sampler, name, RandomSampler(seed=seed))


# Where they keep the parameters that all trials so far have, with how far they have looked.
INTERSECTIONS = ("_search_space", "_intersection_search_space")


def carry_search_space(sampler: "BaseSampler", carried: "dict[bool, IntersectionSearchSpace]") -> None:
    """Let a sampler go on from the search space that those before it have found in the same study.

    A new one would go through all trials again: in a study of thousands, the larger half of a draw.

    Args:
        sampler: that is to draw next.
        carried: what all of them share, for those that look at pruned trials and for those that do not.
    """
    for name in INTERSECTIONS:
        own = getattr(sampler, name, None)
        if type(own) is IntersectionSearchSpace:
            setattr(sampler, name, carried.setdefault(own._include_pruned, own))


def after_trial(study: "Study", trial: "FrozenTrial", state: "TrialState", values: "Sequence[float] | None") -> None:
    """Let the study's sampler look at a trial that ends, as `Study.tell` does before it writes the end.

    What a sampler raises there would leave the trial complete, and look like an error of `tell` itself.
    """
    study._thread_local.cached_all_trials = None
    study.sampler.after_trial(_filter_study(study, trial), trial, state, values)
