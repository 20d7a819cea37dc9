"""What is checked before a search: its settings, its space, and a job of every branch."""

import logging
from collections.abc import Mapping
from typing import cast

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from ._jobs import Check, branches, check_job, compose_job
from ._search_space import (
    BadInput,
    Dimension,
    Space,
    bad_input,
    checked,
    is_constant,
    parse_dimension,
    require_choices,
    require_enumerable,
)
from ._settings import Setting, check_direction, check_launcher, check_settings, check_timeout, read_setting

log = logging.getLogger(__name__)


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
    check_launcher(config)
    check_direction(config, metric)
    check_timeout(config, timeout)
    space = read_space(config, loader)
    check_sweeper_can(config, space)
    written = {dimension.key: dimension.text for dimension in space.dimensions}
    for overrides in branches(space, loader):
        lines = [f"{key}={value}" for key, value in overrides.items()]
        check_job(compose_job(config, loader, lines, space.fixed, written), check)


def read_space(config: DictConfig, loader: ConfigLoader) -> Space:
    """Join the sweeper's `params` and the command line, where a sweep replaces an entry and a constant removes it.

    Raises:
        BadInput: an entry can't be run, or nothing is left to vary where the sweeper optimizes.
    """
    setting = read_setting(config, "hydra.sweeper.params") or Setting("hydra.sweeper.params", None)
    params = {} if setting.value is None else setting.value
    if not isinstance(params, Mapping):
        remedy = f"Set {setting.knob} to such a mapping."
        raise bad_input(setting.name, params, "must map config keys to sweeps", remedy)
    given = _command_line(config)
    entries = _left_of(params, given)
    optimizes = "direction" in config.hydra.sweeper
    constants = {} if optimizes else {key: value for key, value in entries.items() if is_constant(key, value)}
    dimensions = {key: parse_dimension(key, value) for key, value in entries.items() if key not in constants}
    for key, override in given.items():
        if override.is_sweep_override():
            dimensions[key] = checked(Dimension(key, override.get_value_string(), override))
    for dimension in dimensions.values():
        dimension.override.config_loader = loader  # glob(...) asks it for the options of the group
    if optimizes and not dimensions and config.hydra.sweeper.get("custom_search_space") is None:
        raise _nothing_to_vary(setting)
    fixed = [str(override.input_line) for override in given.values() if not override.is_sweep_override()]
    fixed += [f"{key}={value}" for key, value in constants.items()]
    return Space(
        tuple(dimensions.values()),
        tuple(fixed),
        removed=tuple(key for key in params if key in given.keys() - dimensions),
    )


def check_sweeper_can(config: DictConfig, space: Space) -> None:
    """Refuse the entries that the chosen sweeper, or its sampler, can't draw from. Raises BadInput."""
    sweeper = config.hydra.sweeper
    sampler = str(OmegaConf.select(sweeper, "sampler._target_", default=""))
    if sampler.endswith(".GridSampler") and space.removed:
        key = space.removed[0]
        given = next(line for line in space.fixed if line.startswith(f"{key}="))
        rule = "fixed on the command line, but upstream's grid still counts every value that the space lists"
        raise bad_input(key, given, rule, f"Write {key}=choice(<value>), a grid of one.")
    for dimension in space.dimensions:
        if sweeper._target_.endswith(".BasicSweeper"):
            require_enumerable(dimension, "the basic sweeper", whole_numbers=False)
        elif "direction" in sweeper:
            require_choices(dimension)
            if sampler.endswith(".GridSampler"):
                require_enumerable(dimension, "the grid sampler", whole_numbers=True)


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
