"""A search of Hydra's basic sweeper or of hydra-optuna-sweeper, which check nothing, and would overwrite an old one.

A sweep directory holds one search: claimed see hydra_search's claims.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import IntervalSweep, Override
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_search.claims import Claim, claim
from hydra_plugins.hydra_search.errors import bad_input, shown, suggestion
from hydra_plugins.hydra_search.files import RESULTS
from hydra_plugins.hydra_search.grammar import (
    EXAMPLES,
    Entry,
    checked,
    constant_text,
    interval_text,
    is_constant,
    parse_entry,
    refuse_sign,
    require_choices,
)
from hydra_plugins.hydra_search.jobs import Check, check_job, check_subdirs, compose_job, subdir_of
from hydra_plugins.hydra_search.schema import check_types
from hydra_plugins.hydra_search.secret_sources import recorded_yaml, secrets_of
from hydra_plugins.hydra_search.settings import (
    check_direction,
    check_launcher,
    check_settings,
    check_timeout,
    nothing_to_vary,
    read_command_line,
    read_params,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FlatSpace:
    """What a search varies, each key by itself, and what all of its jobs share."""

    entries: tuple[Entry, ...]
    fixed: tuple[str, ...]  # overrides, as on the command line
    removed: tuple[str, ...] = ()  # keys of the space that the command line fixes


def check_search(
    config: DictConfig,
    loader: ConfigLoader,
    *,
    check: Check | None = None,
    metric: object = None,
    timeout: object = None,
) -> None:
    """Refuse, by BadInput, the first thing that can't be run, see ChecksSearch and PreflightCallbackConf."""
    check_settings(config)
    check_types(config)
    check_launcher(config)
    check_direction(config, metric)
    check_timeout(config, timeout)
    space = read_space(config, loader)
    _check_sweeper_can(config, space)
    written = {entry.key: entry.text for entry in space.entries}
    for overrides in branches(space, loader):
        lines = [f"{key}={value}" for key, value in overrides.items()]
        check_job(compose_job(config, loader, lines, space.fixed, written), check)
    _check_directories(config, loader, space)


def _check_directories(config: DictConfig, loader: ConfigLoader, space: FlatSpace) -> None:
    """Refuse a pattern by which jobs would surely share a directory: these sweepers, and trackers, overwrite it.

    Where every combination is tried, two jobs that differ in one key only must differ in their directories too.
    """

    def job(values: Mapping[str, str], number: int) -> DictConfig:
        lines = [f"{key}={value}" for key, value in values.items()]
        made = compose_job(config, loader, lines, space.fixed, {})
        made.hydra.job.num, made.hydra.job.id = number, str(number)
        return made

    first = {entry.key: entry.first() for entry in space.entries}
    others = {entry.key: entry.second() for entry in space.entries}
    if len({subdir_of(job(first, number)) for number in (0, 1)}) == 2 or not space.entries:
        return
    optimizes = "direction" in config.hydra.sweeper
    changes = [others] if optimizes else [{key: value} for key, value in others.items() if value != first[key]]
    for change in changes:
        check_subdirs(config, [job(first | change, number) for change in ({}, change) for number in (0, 1)])


def read_space(config: DictConfig, loader: ConfigLoader) -> FlatSpace:
    """Join the sweeper's `params` and the command line, where a sweep replaces an entry and a constant removes it.

    Raises:
        BadInput: an entry can't be run, or nothing is left to vary where the sweeper optimizes.
    """
    setting, given = read_params(config), read_command_line(config)
    params: Mapping[str, object] = setting.value if isinstance(setting.value, Mapping) else {}
    left = _left_of(params, given)
    optimizes = "direction" in config.hydra.sweeper
    constants = {key: value for key, value in left.items() if is_constant(key, value)}
    entries = {key: entry_of(key, value) for key, value in left.items() if key not in constants}
    for key, override in given.items():
        if override.is_sweep_override():
            entries[key] = checked(Entry(key, override.get_value_string(), override))
    for entry in entries.values():
        entry.override.config_loader = loader  # glob(...) asks it for the options of the group
    if optimizes and not entries and config.hydra.sweeper.get("custom_search_space") is None:
        raise nothing_to_vary(setting)
    fixed = [str(override.input_line) for override in given.values() if not override.is_sweep_override()]
    fixed += [f"{key}={constant_text(value)}" for key, value in constants.items()]
    removed = tuple(key for key in params if key in given.keys() - entries)
    return FlatSpace(tuple(entries.values()), tuple(fixed), removed)


def _left_of(params: Mapping[str, object], given: Mapping[str, Override]) -> dict[str, object]:
    """Return the entries of the space whose keys the command line does not set."""
    for key in params:
        if key not in given:
            refuse_sign(key, given)
        elif not given[key].is_sweep_override():
            log.info(f"{given[key].input_line} on the command line takes {key} out of the search space.")
    return {key: value for key, value in params.items() if key not in given}


def entry_of(key: str, value: object) -> Entry:
    if not isinstance(value, Mapping):
        return parse_entry(key, value)
    if not value.keys() & {"type", "choices", "low", "high"}:
        remedy = f"Write the whole key on one line, like {key}.{next(iter(value), 'name')}: {EXAMPLES}."
        raise bad_input(key, value, "an entry must be a sweep, not a mapping", remedy)
    equivalent = grammar_of(value)
    remedy = f"Write {key}: {equivalent}" if equivalent else f"Write {EXAMPLES}"
    rule = "this form needs hydra/sweeper=optuna_async"
    raise bad_input(key, value, rule, f"{remedy}, which every sweeper reads.")


def grammar_of(spec: Mapping[str, object]) -> str | None:
    """Write the typed form `{type, low, high, step, log, choices}` in Hydra's grammar, where that is short."""
    choices, low, high, step = (spec.get(name) for name in ("choices", "low", "high", "step"))
    if isinstance(choices, list):
        return f"choice({', '.join(map(shown, choices))})"
    if not isinstance(low, (int, float)) or not isinstance(high, (int, float)):
        return None
    whole = spec.get("type") == "int"
    if step in (None, 1) and (whole or step is None):
        return interval_text(low, high, whole, bool(spec.get("log")))
    return f"range({low}, {int(high) + 1}, {step})" if whole else None


def _check_sweeper_can(config: DictConfig, space: FlatSpace) -> None:
    """Refuse the entries that the chosen sweeper, or its sampler, can't draw from. Raises BadInput."""
    sweeper = config.hydra.sweeper
    is_grid = str(OmegaConf.select(sweeper, "sampler._target_", default="")).endswith(".GridSampler")
    if is_grid and space.removed:
        key = space.removed[0]
        given = next(line for line in space.fixed if line.startswith(f"{key}="))
        rule = "fixed on the command line, but upstream's grid still counts every value that the space lists"
        raise bad_input(key, given, rule, f"Write {key}=choice(<value>), a grid of one.")
    for entry in space.entries:
        if sweeper._target_.endswith(".BasicSweeper"):
            require_enumerable(entry, "the basic sweeper", whole_numbers=False)
        elif "direction" in sweeper:
            require_choices(entry)
            if is_grid:
                require_enumerable(entry, "the grid sampler", whole_numbers=True)


def require_enumerable(entry: Entry, who: str, *, whole_numbers: bool) -> None:
    """Refuse what `who` can't list value by value; an interval of whole numbers passes with `whole_numbers`."""
    value = entry.override.value()
    if not isinstance(value, IntervalSweep) or (whole_numbers and isinstance(value.start, int)):
        return
    rule = f"{who} tries every value and can't draw from an interval"
    remedy = "Write range(low, high, step), its end excluded, or choice(a, b), or choose hydra/sweeper=optuna."
    raise bad_input(entry.key, entry.text, rule, remedy)


def branches(space: FlatSpace, loader: ConfigLoader) -> Iterator[dict[str, str]]:
    """Yield a job's overrides: the first value of each entry; then once more for every other option of a config group.

    Raises:
        BadInput: a config group has no such option.
    """
    first = {entry.key: entry.first() for entry in space.entries}
    groups = [entry for entry in space.entries if loader.get_group_options(entry.name)]
    for group in groups:
        _check_options(group, loader.get_group_options(group.name))
    yield first
    for group in groups:
        for option in group.options()[1:]:
            yield {**first, group.key: option}


def _check_options(group: Entry, known: list[str]) -> None:
    for option in (text.strip("'\"") for text in group.options()):
        if option not in known and "/" not in option and not option.startswith("["):
            rule = f"no such option of the config group {group.name}"
            raise bad_input(group.key, option, rule, suggestion(option, known))


def claim_sweep_dir(config: DictConfig) -> Claim:
    """Take `hydra.sweep.dir` for this search. Of two processes that try at once, one gets it.

    Raises:
        BadInput: it already holds a search, whose jobs the new one would overwrite, or it can't be written.
    """
    directory = Path(config.hydra.sweep.dir)
    try:
        if directory.exists() and any(path.name.isdecimal() or path.name == RESULTS for path in directory.iterdir()):
            raise FileExistsError
        return claim(directory, recorded_yaml(config, secrets_of(config)))
    except FileExistsError:
        study_name = "study_name=<name>, or " if "study_name" in config else ""
        rule = "already holds a search, which this sweeper would overwrite"
        raise bad_input("hydra.sweep.dir", directory, rule, f"Set {study_name}hydra.sweep.dir=<directory>.") from None
    except OSError as error:
        remedy = "Set hydra.sweep.dir=<directory> to one that you may write."
        raise bad_input("hydra.sweep.dir", directory, f"can't be used ({error})", remedy) from error
