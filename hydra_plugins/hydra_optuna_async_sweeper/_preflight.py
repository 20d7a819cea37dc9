"""What is checked before a search: its settings, its space, and a job of every branch, composed as a launcher would."""

import copy
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, InstantiationException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from ._search_space import (
    BadInput,
    Dimension,
    bad_input,
    checked,
    is_constant,
    parse_dimension,
    require_choices,
    require_enumerable,
    suggestion,
)
from ._settings import Setting, check_direction, check_settings, check_timeout, read_setting

log = logging.getLogger(__name__)

Check = Callable[[DictConfig], None]


@dataclass(frozen=True)
class Space:
    """What a search varies, and the overrides that all of its jobs share."""

    dimensions: tuple[Dimension, ...]
    fixed: tuple[str, ...]


def check_search(
    config: DictConfig,
    loader: ConfigLoader,
    *,
    check: Check | None = None,
    metric: object = None,
    timeout: object = None,
) -> None:
    """Check the whole search; nothing is created.

    Args:
        config: the composed config of the sweep, with its hydra node.
        loader: composes a job's config, as for the launchers.
        check: the application's own check of a job's config.
        metric: name, or list of names, of what the job returns.
        timeout: seconds, refused if the sweeper can't obey.

    Raises:
        BadInput: the first thing that can't be run.
    """
    check_settings(config)
    check_direction(config, metric)
    check_timeout(config, timeout)
    space = read_space(config)
    check_sweeper_can(config, space)
    for overrides in branches(space, loader):
        job = compose_job(config, loader, space, overrides)
        check_job(job, check)


def check_job(config: DictConfig, check: Check | None) -> None:
    """Call the application's check on a job's config, given as the task function would get it, without hydra's node.

    Raises:
        BadInput: the check refuses the config.
    """
    if check is None:
        return
    with _as_current_job(config):
        task_config = copy.deepcopy(config)
        with open_dict(task_config):
            task_config.pop("hydra", None)
        try:
            check(task_config)
        except BadInput:
            raise
        except InstantiationException as error:
            raise BadInput(_one_line(error.__cause__ or error)) from error
        except (ValueError, OSError, HydraException, OmegaConfBaseException) as error:
            raise BadInput(_one_line(error)) from error


def read_space(config: DictConfig) -> Space:
    """Join the sweeper's `params` and the command line, where a sweep replaces an entry and a constant removes it.

    Raises:
        BadInput: an entry can't be run, or nothing is left to vary where the sweeper optimizes.
    """
    setting = read_setting(config, "hydra.sweeper.params") or Setting("hydra.sweeper.params", None)
    params = {} if setting.value is None else setting.value
    if not isinstance(params, Mapping):
        raise bad_input(
            setting.name, params, "must map config keys to sweeps", f"Set {setting.knob} to such a mapping."
        )
    given = _command_line(config)
    entries = _left_of(params, given)
    optimizes = "direction" in config.hydra.sweeper
    constants = {} if optimizes else {key: value for key, value in entries.items() if is_constant(key, value)}
    dimensions = {key: parse_dimension(key, value) for key, value in entries.items() if key not in constants}
    for key, override in given.items():
        if override.is_sweep_override():
            dimensions[key] = checked(Dimension(key, override.get_value_string(), override))
    if optimizes and not dimensions and config.hydra.sweeper.get("custom_search_space") is None:
        raise _nothing_to_vary(setting)
    fixed = [str(override.input_line) for override in given.values() if not override.is_sweep_override()]
    return Space(tuple(dimensions.values()), (*fixed, *(f"{key}={value}" for key, value in constants.items())))


def check_sweeper_can(config: DictConfig, space: Space) -> None:
    """Refuse the entries that the chosen sweeper, or its sampler, can't draw from. Raises BadInput."""
    sweeper = config.hydra.sweeper
    sampler = str(OmegaConf.select(sweeper, "sampler._target_", default=""))
    for dimension in space.dimensions:
        if sweeper._target_.endswith(".BasicSweeper"):
            require_enumerable(dimension, "the basic sweeper", whole_numbers=False)
        elif "direction" in sweeper:
            require_choices(dimension)
            if sampler.endswith(".GridSampler"):
                require_enumerable(dimension, "the grid sampler", whole_numbers=True)


def branches(space: Space, loader: ConfigLoader) -> Iterator[dict[str, str]]:
    """Yield a job's overrides: the first value of each entry; then once more for every other option of a config group.

    Raises:
        BadInput: a config group has no such option.
    """
    first = {dimension.key: dimension.first() for dimension in space.dimensions}
    groups = [dimension for dimension in space.dimensions if loader.get_group_options(dimension.name)]
    for group in groups:
        _check_options(group, loader.get_group_options(group.name))
    yield first
    for group in groups:
        for option in group.options()[1:]:
            yield {**first, group.key: option}


def compose_job(config: DictConfig, loader: ConfigLoader, space: Space, overrides: Mapping[str, str]) -> DictConfig:
    """Compose the config of the first job with these overrides, hydra's node included.

    Raises:
        BadInput: a key is unknown, or the config does not take the value.
    """
    lines = [f"{key}={value}" for key, value in overrides.items()]
    try:
        job = loader.load_sweep_config(config, [*lines, *space.fixed])
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise _unknown_key(config, loader, space, overrides) or BadInput(
            f"{' '.join(lines)}: no job can be composed with this. {_one_line(error)}"
        ) from error
    with open_dict(job):
        job.hydra.job.num, job.hydra.job.id = 0, "0"
    return job


def _command_line(config: DictConfig) -> dict[str, Override]:
    lines = cast("list[str]", OmegaConf.to_container(config.hydra.overrides.task, resolve=False))
    return {override.get_key_element(): override for override in OverridesParser.create().parse_overrides(lines)}


def _left_of(params: Mapping[str, object], given: Mapping[str, Override]) -> dict[str, object]:
    """Return the entries of the space whose keys the command line does not set."""
    names = {override.key_or_group: key for key, override in given.items()}
    for key in params:
        if key in given and not given[key].is_sweep_override():
            log.info(f"{given[key].input_line} on the command line takes {key} out of the search space.")
        elif key not in given and key in names:
            rule = f"is in the search space, so {names[key]} on the command line would undo every trial's own value"
            line = given[names[key]].input_line
            raise bad_input(key, line, rule, f"Write {key}=<value> to fix it, without a sign before the key.")
    return {key: value for key, value in params.items() if key not in given}


def _nothing_to_vary(setting: Setting) -> BadInput:
    if setting.value:
        rule, remedy = "the command line fixes every key of the space", "Leave at least one to the search."
        return bad_input(setting.name, list(cast("Mapping[str, object]", setting.value)), rule, remedy)
    remedy = f"Set {setting.knob}, or sweep a key on the command line: 'key=interval(0, 1)'."
    return bad_input(setting.name, setting.value, "a search needs at least one key to vary", remedy)


def _check_options(group: Dimension, known: list[str]) -> None:
    for option in (text.strip("'\"") for text in group.options()):
        if option not in known and "/" not in option and not option.startswith("["):
            raise bad_input(
                group.key, option, f"no such option of the config group {group.name}", suggestion(option, known)
            )


def _unknown_key(
    config: DictConfig, loader: ConfigLoader, space: Space, overrides: Mapping[str, str]
) -> BadInput | None:
    """Find the entry whose key the job's config lacks, by composing the job without the entries that aren't groups."""
    groups = {d.key: overrides[d.key] for d in space.dimensions if loader.get_group_options(d.name)}
    chosen = [f"{key}={value}" for key, value in groups.items()]
    try:
        job = loader.load_sweep_config(config, [*chosen, *space.fixed])
    except (HydraException, OmegaConfBaseException, ValueError):
        return None
    with open_dict(job):
        job.pop("hydra")
    known = set(_keys(OmegaConf.to_container(job, resolve=False)))
    for dimension in space.dimensions:
        if dimension.key not in groups and dimension.key == dimension.name and dimension.name not in known:
            where = f"unknown config key{' with ' + ' '.join(chosen) if chosen else ''}"
            return bad_input(dimension.key, dimension.text, where, suggestion(dimension.name, known))
    return None


def _keys(config: object, prefix: str = "") -> Iterator[str]:
    """Yield every dotted key below a plain config, containers before their items."""
    items = config.items() if isinstance(config, Mapping) else enumerate(config) if isinstance(config, list) else ()
    for key, value in items:
        yield f"{prefix}{key}"
        yield from _keys(value, f"{prefix}{key}.")


@contextmanager
def _as_current_job(config: DictConfig) -> Iterator[None]:
    """Let `${hydra:...}` resolve as in the job."""
    current = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(config)
    try:
        yield
    finally:
        HydraConfig.instance().cfg = current


def _one_line(error: BaseException) -> str:
    parts = [str(error)]
    if isinstance(error, HydraException) and isinstance(error.__cause__, OmegaConfBaseException):
        parts.append(str(error.__cause__))
    if not isinstance(error, (ValueError, OSError, HydraException, OmegaConfBaseException)):
        parts.insert(0, f"{type(error).__name__}:")
    return " ".join(" ".join(parts).split())
