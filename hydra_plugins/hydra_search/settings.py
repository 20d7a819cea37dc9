"""The settings that sweepers share: how many trials, how many at once, in which direction. Each checked by its rule."""

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.plugin import Plugin
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from .clusters import refuse_absent_cluster
from .errors import BadInput, bad_input, shown, suggestion
from .metrics import known_direction
from .trials import MAXIMIZE, MINIMIZE

DIRECTIONS = (MAXIMIZE, MINIMIZE)


@dataclass(frozen=True)
class Setting:
    """A value, and the name under which the user sets it: `n_trials (hydra.sweeper.n_trials)`."""

    name: str
    value: object

    @property
    def source(self) -> str:
        """The key to set on the command line."""
        return self.name.split(" ")[0]


def read_setting(config: DictConfig, key: str) -> Setting | None:
    """Read `key`; where it only points to another key (`${n_trials}`), that one, as the user wrote it. None if absent.

    Reading that key itself avoids the conversion of the schema, whose error names neither.

    Raises:
        BadInput: the value can't be resolved.
    """
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(config, parent)
    if not isinstance(node, DictConfig) or name not in node.keys():  # noqa: SIM118  # `in` asks for a value too
        return None
    is_value = not (OmegaConf.is_interpolation(node, name) or OmegaConf.is_missing(node, name))
    raw = "" if is_value else cast("dict[str, object]", OmegaConf.to_container(node, resolve=False))[name]
    points_to = re.fullmatch(r"\$\{([\w.]+)\}", str(raw))
    source = points_to[1] if points_to else key
    try:
        value = OmegaConf.select(config, source, throw_on_missing=True)
        return Setting(f"{source} ({key})" if points_to else key, plain(value))
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise bad_input(source, raw, f"can't be resolved ({reason})", f"Set {source}.") from error


def check_settings(config: DictConfig) -> None:
    """Check every number that the sweeper and the launcher have.

    Raises:
        BadInput: n_trials or n_jobs is no whole number of 1 or more, max_failure_rate is not between 0 and 1,
            max_retries is below 0.
    """
    count, of_any = "must be a whole number, 1 or more", "for example."
    for key, example in (("sweeper.n_trials", 20), ("sweeper.n_jobs", 1)):
        _check(config, f"hydra.{key}", _is_count, count, f"={example}, {of_any}")
    joblibs = "must be a whole number, 1 or more, or as joblib has it: -1, its default, or -2 for all cores but one"
    _check(config, "hydra.launcher.n_jobs", _is_joblib_count, joblibs, f"=1, {of_any}")
    retries = "must be a whole number, 0 or more"
    _check(config, "hydra.sweeper.max_retries", lambda n: n == 0 or _is_count(n), retries, f"=3, {of_any}")
    alike = "must be null or a whole number, 1 or more"
    _check(config, "hydra.sweeper.max_initial_failures", lambda n: n is None or _is_count(n), alike, "=5, for example.")
    rate, remedy = "must be a number between 0 and 1", "=0 to stop at the first failed trial, 1 to go on in any case."
    _check(config, "hydra.sweeper.max_failure_rate", _is_rate, rate, remedy)


def _check(config: DictConfig, key: str, fits: Callable[[object], bool], rule: str, remedy: str) -> None:
    setting = read_setting(config, key)
    if setting is not None and not fits(setting.value):
        raise bad_input(setting.name, setting.value, rule, f"Set {setting.source}{remedy}")


def plugin_class(kind: type[Plugin], target: str) -> type[Plugin] | None:
    """Return the class of an installed sweeper or launcher; None if there is none of this name."""
    known = {f"{found.__module__}.{found.__qualname__}": found for found in Plugins.instance().discover(kind)}
    return known.get(target)


def check_launcher(config: DictConfig) -> None:
    """Refuse a launcher that is not installed or lacks its cluster, or that would run commands. Raises BadInput.

    Without its plugin Hydra itself would end with a traceback.
    """
    target = str(config.hydra.launcher._target_)
    _refuse_runtime_env("hydra.launcher", config.hydra.launcher)
    if plugin_class(Launcher, target):
        refuse_absent_cluster(config)
        return
    remedy = "Install its package, or set hydra/launcher=joblib."
    if target.startswith("hydra_plugins."):
        remedy = f"Install it: pip install '{target.split('.')[1].replace('_', '-')}>=1.4.0rc3,<1.5'"
    option = config.hydra.runtime.choices.get("hydra/launcher")
    raise bad_input("hydra/launcher", f"{option} ({target})", "its plugin is not installed", remedy)


def check_directory(key: str, directory: Path, value: object) -> None:
    """Refuse a directory that can't be made or written to; `value` is what `key` says. Raises BadInput."""
    try:
        nearest = next(path for path in (directory, *directory.absolute().parents) if path.exists())
        with TemporaryDirectory(prefix=".writable-", dir=nearest) as probe:  # /proc and the like tell no other way
            for name in directory.absolute().parts[1:]:
                Path(probe, name).exists()  # fails where the name is too long
    except OSError as error:
        remedy = f"Set {key} to a place that you may write."
        raise bad_input(key, value, f"can't be used ({error.strerror})", remedy) from error


def _refuse_runtime_env(key: str, launcher: Any) -> None:
    """Refuse Ray's runtime environments: by them each worker runs a command, installs, downloads, or reads BASH_ENV.

    https://docs.ray.io/en/latest/ray-core/api/doc/ray.runtime_env.RuntimeEnv.html
    """
    for name in launcher if OmegaConf.is_dict(launcher) else ():
        value = OmegaConf.select(launcher, str(name), throw_on_resolution_failure=False)  # what a job alone can resolve
        if name in ("runtime_env", "job_config") and value:
            remedy = f"Set {key}.{name}=null. Variables of the jobs: hydra.job.env_set."
            raise bad_input(f"{key}.{name}", plain(value), "could run any command on the workers", remedy)
        _refuse_runtime_env(f"{key}.{name}", value)


def check_direction(config: DictConfig, metric: object, key: str = "hydra.sweeper.direction") -> None:
    """Check the direction under `key`, or one for each metric.

    Raises:
        BadInput: neither maximize nor minimize, not as many as there are metrics, or the wrong one for a metric that
            is known by its name.
    """
    setting = read_setting(config, key)
    if setting is None:
        return
    directions = setting.value if isinstance(setting.value, list) else [setting.value]
    for direction in directions or [None]:
        if direction not in DIRECTIONS:
            rule = "must be maximize or minimize"
            raise bad_input(setting.name, direction, rule, suggestion(shown(direction), DIRECTIONS))
    metrics = metric if isinstance(metric, list) else [metric]
    if metric is not None and len(metrics) != len(directions):
        rule = f"must be one for each of the {len(metrics)} metric(s) {shown(metrics)}"
        example = ",".join(["maximize"] * len(metrics))
        example = f"[{example}]" if len(metrics) > 1 else example
        raise bad_input(setting.name, setting.value, rule, f"Set {setting.source}={example}, for example.")
    known = [known_direction(str(name)) or given for name, given in zip(metrics, directions, strict=False)]
    for name, given, better in zip(metrics, directions, known, strict=False):
        if name is not None and given != better:
            rule = f"{name} is better the {'higher' if better == MAXIMIZE else 'lower'} it is"
            example = str(better) if len(directions) == 1 else f"'[{','.join(map(str, known))}]'"
            remedy = f"Set {setting.source}={example}, or give a metric that means something else another name."
            raise bad_input(setting.name, given, rule, remedy)


def check_timeout(config: DictConfig, timeout: object) -> None:
    """Refuse a timeout that the sweeper would not obey. Raises BadInput."""
    if timeout is None or "timeout" in config.hydra.sweeper:
        return
    setting = read_setting(config, "hydra.callbacks.preflight.timeout") or Setting("timeout", timeout)
    rule = f"hydra/sweeper={config.hydra.runtime.choices.get('hydra/sweeper')} can't stop after a time"
    raise bad_input(setting.source, timeout, rule, f"Set {setting.source}=null, or hydra/sweeper=optuna_async.")


def nothing_to_vary(setting: Setting) -> BadInput:
    """Tell whether there was no space, or the command line has taken everything out of it."""
    if isinstance(setting.value, Mapping) and setting.value:
        rule, remedy = "the command line fixes every key of the space", "Leave at least one to the search."
        return bad_input(setting.name, list(setting.value), rule, remedy)
    remedy = f"Set {setting.source}, or sweep a key on the command line: 'key=interval(0, 1)'."
    return bad_input(setting.name, setting.value, "a search needs at least one key to vary", remedy)


def read_params(config: DictConfig) -> Setting:
    """Read the entries of the search space, `hydra.sweeper.params`; an empty mapping where there are none.

    Raises:
        BadInput: no mapping.
    """
    setting = read_setting(config, "hydra.sweeper.params") or Setting("hydra.sweeper.params", None)
    if setting.value is not None and not isinstance(setting.value, Mapping):
        remedy = f"Set {setting.source} to such a mapping."
        raise bad_input(setting.name, setting.value, "must map config keys to sweeps", remedy)
    return setting


def read_command_line(config: DictConfig, loader: ConfigLoader | None = None) -> dict[str, Override]:
    """Return the overrides of the command line by their keys, as written: `+key` with its sign, `${...}` as it is.

    What a value refers to may differ from job to job, so each job resolves it.
    """
    # Not an iteration: that would resolve them here and now.
    lines = cast("list[str]", OmegaConf.to_container(config.hydra.overrides.task, resolve=False))
    return {override.get_key_element(): override for override in OverridesParser.create(loader).parse_overrides(lines)}


def task_overrides(config: DictConfig) -> list[str]:
    """Return a job's overrides, each with what it refers to; as it is written where that leads nowhere."""
    lines = config.hydra.overrides.task
    written = cast("list[str]", OmegaConf.to_container(lines, resolve=False))
    for place in (place for place, line in enumerate(written) if "${" in line):
        with suppress(OmegaConfBaseException):
            written[place] = lines[place]
    return written


def n_objectives(config: DictConfig) -> int | None:
    """How many numbers a job of this search must return; None where the sweeper optimizes nothing."""
    setting = read_setting(config, "hydra.sweeper.direction")
    if setting is None:
        return None
    return len(setting.value) if isinstance(setting.value, list) else 1


def plain(value: object) -> object:
    """Return a value of the configuration without OmegaConf around it, enums as their names."""
    if OmegaConf.is_config(value):
        return OmegaConf.to_container(value, resolve=True, enum_to_str=True)
    return value.name if isinstance(value, Enum) else value


def _is_count(value: object) -> bool:
    if isinstance(value, str):  # ${oc.env:...} gives strings, which the schema turns into numbers
        return value.isdecimal() and int(value) >= 1
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_joblib_count(value: object) -> bool:
    return _is_count(value) or _is_count(str(value).removeprefix("-"))


def _is_rate(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value <= 1  # type: ignore[arg-type, operator]
