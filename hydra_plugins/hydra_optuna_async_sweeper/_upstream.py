"""What is private in Hydra, OmegaConf and Optuna and has no public way: here and nowhere else in this package.

`tests/hydra_optuna_async_sweeper/test_upstream.py` fails when one of these names changes its meaning.
"""

import pickle
from typing import TYPE_CHECKING, cast

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hydra.core.override_parser.types import Override
    from hydra.core.utils import JobReturn
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler, QMCSampler
    from optuna.storages import BaseStorage, RDBStorage
    from optuna.trial import FrozenTrial


# The operations of a journal, `op_code`, that make no study and no trial, and so leave the numbers of all others alone.
KEEP_NUMBERS = frozenset({1, 2, 3, 5, 6, 7, 8, 9, 10})


class QuicklyCopied(DictConfig):
    """A configuration whose deep copies are made by pickle, in less than half of OmegaConf's time.

    Hydra copies a job's whole configuration four times before the job starts: else the larger half of what a trial
    costs. The copy of the whole, which the job is given, is a plain DictConfig; the one of the `hydra` node is not.
    """

    def __deepcopy__(self, memo: dict[int, object]) -> DictConfig:
        """Copy without the parent, which the copy keeps, as OmegaConf's copies do; nobody else asks for one."""
        parent = self._get_parent()
        self._set_parent(None)
        try:
            copy: DictConfig = pickle.loads(pickle.dumps(self))  # noqa: S301  # our own
        finally:
            self._set_parent(parent)
        copy._set_parent(parent)
        if self._key() is None:
            _set_class(copy, DictConfig)
        return copy


def copy_quickly(config: DictConfig) -> None:
    """Let Hydra's copies of a job's configuration, and of its `hydra` node, be quick ones."""
    _set_class(config.hydra, QuicklyCopied)
    _set_class(config, QuicklyCopied)


def _set_class(node: DictConfig, kind: type[DictConfig]) -> None:
    object.__setattr__(node, "__class__", kind)  # DictConfig takes an attribute for a key


def apply_values(overrides: "Sequence[Override]", config: DictConfig) -> None:
    """Apply `key=value` overrides to a composed configuration, exactly as composing with them would."""
    ConfigLoaderImpl._apply_overrides_to_config(list(overrides), config)


def returned(job: "JobReturn") -> object:
    """Return what a job returned, or the exception that ended it; the public `return_value` would raise that again."""
    value: object = job._return_value
    return value


def trial_id(trial: "FrozenTrial") -> int:
    """Return the id by which storages know a trial; by its number they would have to look it up."""
    return trial._trial_id


def database_of(storage: "BaseStorage") -> "RDBStorage":
    """Return the database below the cache that `optuna.storages.get_storage` puts around it."""
    database: RDBStorage = storage._backend  # type: ignore[attr-defined]
    return database


def take_sample(sampler: "BaseSampler", number: int, space: "Mapping[str, BaseDistribution]") -> None:
    """Let a quasi-random sampler give out number `number` of its sequence over `space`, and nothing else.

    Optuna counts the samples in the study, not atomically, and draws the first ones independently.
    """
    qmc = cast("QMCSampler", sampler)
    qmc._find_sample_id = lambda study, search_space: number  # type: ignore[method-assign]
    qmc.infer_relative_search_space = lambda study, trial: dict(space)  # type: ignore[method-assign]
