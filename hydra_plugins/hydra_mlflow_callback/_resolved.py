"""What a job is given: its configuration with every interpolation resolved that can be."""

import logging
from functools import cache
from pathlib import Path
from typing import cast

from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_search.errors import one_line
from hydra_plugins.hydra_search.yaml_text import yaml_text

from ._payload import clean_key
from .config import Settings

log = logging.getLogger(__name__)


def task_config(config: DictConfig) -> dict[str, object]:
    """Return what the job is given, resolved, without Hydra's own node; what can't be resolved stays as it is written.

    Resolved in place: in a copy, `${now:...}` would be another time than in the name of the job's directory.
    """
    keys = [key for key in config if key != "hydra" and not OmegaConf.is_missing(config, key)]
    return {str(key): _child(config, key, str(key)) for key in keys}


def _child(parent: object, key: object, name: str) -> object:
    """Return an item of a container, plain. One that can't be resolved is said, and costs its siblings nothing."""
    try:
        return _plain(parent[key], name)  # type: ignore[index]  # a DictConfig or a ListConfig
    except Exception as error:  # whatever a resolver raises
        written = OmegaConf.to_container(parent, resolve=False)[key]  # type: ignore[call-overload,index]
        if written != "???":
            _say_unresolved(name, one_line(error))
        return written


def _plain(value: object, name: str) -> object:
    if not OmegaConf.is_config(value):
        return value
    try:
        return OmegaConf.to_container(value, resolve=True)
    except Exception:  # whatever a resolver raises: then item by item
        if isinstance(value, DictConfig):
            return {key: _child(value, key, f"{name}.{key!s}") for key in value}
        return [_child(value, i, f"{name}.{i}") for i in range(len(value))]  # type: ignore[arg-type]  # a ListConfig


@cache  # once in a process, not in each of its jobs
def _say_unresolved(name: str, reason: str) -> None:
    log.warning("%s has no value and is recorded as it is written: %s", name, reason)


def save_resolved_config(resolved: dict[str, object], folder: Path) -> None:
    """Write the configuration without secrets, interpolations resolved; Hydra's own config.yaml keeps them."""
    folder.mkdir(exist_ok=True)
    text = yaml_text(resolved)
    (folder / "config_resolved.yaml").write_text(text, encoding="utf-8", errors="backslashreplace")


def choices_of(config: DictConfig, settings: Settings) -> dict[str, str]:
    """Return what the job took from each config group, `model: svm`, as tags: its parent does not have them."""
    choices = cast("dict[str, object]", OmegaConf.to_container(config.hydra.runtime.choices, resolve=True))
    chosen = {group: option for group, option in choices.items() if option is not None}
    left_out = tuple(group for group in chosen if group.startswith("hydra/") or group in settings.exclude_params)
    return {clean_key(group): str(option) for group, option in chosen.items() if group not in left_out}
