"""The knobs of a search: how many trials, how many at once, in which direction. Each checked by its own rule."""

import math
import re
from dataclasses import dataclass
from enum import Enum

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ._search_space import bad_input, shown, suggestion

DIRECTIONS = ("maximize", "minimize")


@dataclass(frozen=True)
class Setting:
    """A value, and the name under which the user sets it: `n_trials (hydra.sweeper.n_trials)`."""

    name: str
    value: object

    @property
    def knob(self) -> str:
        """The key to set on the command line."""
        return self.name.split(" ")[0]


def read_setting(config: DictConfig, key: str) -> Setting | None:
    """Read `key`; where it only points to a knob (`${n_trials}`), the knob, as the user wrote it. None if absent.

    Reading the knob itself avoids the conversion of the schema, whose error names neither.

    Raises:
        BadInput: the value can't be resolved.
    """
    parent, _, name = key.rpartition(".")
    raw = OmegaConf.to_container(OmegaConf.select(config, parent), resolve=False)
    if not isinstance(raw, dict) or name not in raw:
        return None
    points_to = re.fullmatch(r"\$\{([\w.]+)\}", str(raw[name]))
    source = points_to[1] if points_to else key
    try:
        value = OmegaConf.select(config, source, throw_on_missing=True)
        return Setting(f"{source} ({key})" if points_to else key, plain(value))
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise bad_input(source, raw[name], f"can't be resolved ({reason})", f"Set {source}.") from error


def check_settings(config: DictConfig) -> None:
    """Check every number that the sweeper and the launcher have.

    Raises:
        BadInput: n_trials or n_jobs is no whole number of 1 or more, max_failure_rate is not between 0 and 1,
            max_retries is below 0.
    """
    for key, example in (("sweeper.n_trials", 20), ("sweeper.n_jobs", 1), ("launcher.n_jobs", 1)):
        setting = read_setting(config, f"hydra.{key}")
        if setting is not None and not _is_count(setting.value):
            rule, remedy = "must be a whole number, 1 or more", f"Set {setting.knob}={example}, for example."
            raise bad_input(setting.name, setting.value, rule, remedy)
    retries = read_setting(config, "hydra.sweeper.max_retries")
    if retries is not None and not (retries.value == 0 or _is_count(retries.value)):
        remedy = f"Set {retries.knob}=3, for example."
        raise bad_input(retries.name, retries.value, "must be a whole number, 0 or more", remedy)
    rate = read_setting(config, "hydra.sweeper.max_failure_rate")
    if rate is not None and not _is_rate(rate.value):
        remedy = f"Set {rate.knob}=0 to stop at the first failed trial, 1 to go on in any case."
        raise bad_input(rate.name, rate.value, "must be a number between 0 and 1", remedy)


def check_launcher(config: DictConfig) -> None:
    """Refuse a launcher whose plugin is not installed: Hydra itself would end with a traceback. Raises BadInput."""
    target = str(config.hydra.launcher._target_)
    if target in {f"{known.__module__}.{known.__qualname__}" for known in Plugins.instance().discover(Launcher)}:
        return
    remedy = "Install its package, or set hydra/launcher=joblib."
    if target.startswith("hydra_plugins."):
        remedy = f"Install it: pip install '{target.split('.')[1].replace('_', '-')}>=1.4.0rc3,<1.5'"
    option = config.hydra.runtime.choices.get("hydra/launcher")
    raise bad_input("hydra/launcher", f"{option} ({target})", "its plugin is not installed", remedy)


def check_direction(config: DictConfig, metric: object) -> None:
    """Check the direction, or one for each metric.

    Raises:
        BadInput: neither maximize nor minimize, or not as many as there are metrics.
    """
    setting = read_setting(config, "hydra.sweeper.direction")
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
        raise bad_input(setting.name, setting.value, rule, f"Set {setting.knob}={example}, for example.")


def check_timeout(config: DictConfig, timeout: object) -> None:
    """Refuse a timeout that the sweeper would not obey. Raises BadInput."""
    if timeout is None or "timeout" in config.hydra.sweeper:
        return
    sweeper = config.hydra.runtime.choices.get("hydra/sweeper")
    rule = f"hydra/sweeper={sweeper} can't stop after a time"
    raise bad_input("timeout", timeout, rule, "Set timeout=null, or hydra/sweeper=optuna_async.")


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


def _is_rate(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value <= 1  # type: ignore[arg-type, operator]
