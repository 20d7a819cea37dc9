"""The trials to run first: those that the user lists, the configuration's own values, the points of a grid."""

import logging
import random
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_search.errors import bad_input
from hydra_plugins.hydra_search.settings import plain

from ..space._grid import Grid, ShuffledGrid
from ..space._tree import Space
from ..worker._sampler import Plain, is_grid
from ._earlier import NewSearch
from ._given import text_of
from ._warm_start import Target, warm_starts

if TYPE_CHECKING:
    from ..config import OptunaAsyncSweeperConf

log = logging.getLogger(__name__)


def first_trials(
    settings: "OptunaAsyncSweeperConf", space: Space, config: DictConfig, given: Iterable[Override], new: NewSearch
) -> tuple[list[Mapping[str, object]], dict[str, str]]:
    """Return the parameters of the trials that the user wants first: listed, the configuration's own, and warm starts.

    Also which trial of an earlier search each of the last repeats, by the text of its point.
    """
    own = _enqueued(settings, space, config, given)
    target = Target(space, partial(_value_of, config), bool(settings.custom_search_space))
    warm = warm_starts(settings.warm_start, new, target, own)
    return [*own, *(each.params for each in warm)], {text_of(each.params): each.origin for each in warm}


def _enqueued(
    settings: "OptunaAsyncSweeperConf", space: Space, config: DictConfig, given: Iterable[Override]
) -> list[dict[str, object]]:
    """Return `enqueue`, and the configuration's own values. What the command line, `given`, fixes is no parameter."""
    constant = {override.key_or_group for override in given if not override.is_sweep_override()}
    listed = settings.enqueue or []
    if not isinstance(listed, list):
        raise bad_input("hydra.sweeper.enqueue", listed, "must be a list of points", "Write [{model.C: 1.0}].")
    left = [{k: v for k, v in p.items() if k not in constant} if isinstance(p, Mapping) else p for p in listed]
    trials = [space.point(values, f"hydra.sweeper.enqueue[{i}]") for i, values in enumerate(left)]
    if settings.enqueue_defaults:
        params, left_out = space.defaults(partial(_value_of, config))
        if left_out:
            log.info(f"The defaults of {', '.join(left_out)} are outside the search space and are drawn instead.")
        trials.append(params)
    return trials


def _value_of(config: DictConfig, key: str) -> object:
    """Return the configuration's own value, of a config group the chosen option."""
    return config.hydra.runtime.choices.get(key) or plain(OmegaConf.select(config, key))


def grid_of(sampler: Plain, space: Space) -> ShuffledGrid | None:
    """Return every point of a space, in an order that the seed decides, or else chance; None for other samplers."""
    if not is_grid(sampler):
        return None
    seed = sampler.get("seed")
    return ShuffledGrid(Grid.of(space), seed if isinstance(seed, int) else random.getrandbits(32))


def size_of(grid: ShuffledGrid, first: Iterable[Mapping[str, object]]) -> int:
    """Return how many trials a grid has: its points, and what the user wants first beside them."""
    first = list(first)
    return grid.grid.size + len(first) - len({text_of(point) for point in first if grid.grid.has(point)})
