"""Where in a configuration the secrets are: found once, before values lose the names that they came by."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast
from urllib.parse import quote

from omegaconf import DictConfig, ListConfig, OmegaConf

from .secret_names import describes, names_secret
from .secrets import NUMBER, OVERRIDE, Secrets, plain_key
from .settings import task_overrides
from .urls import MASK, has_password, passwords_of

OF_COMMAND_LINE = ("hydra.overrides.", "hydra.job.override_dirname")  # say again what stands under its key
SHORTEST = 4  # characters of a secret that is looked for in a text

_FROM_ENVIRONMENT = re.compile(r"oc\.env\s*:\s*['\"]?(\w+)")
_POINTS_TO = re.compile(r"\$\{\s*(\.*[\w.\[\]-]+)\s*\}")


def secrets_of(config: DictConfig, redact: Sequence[str] | None = None) -> Secrets:
    """Find what is secret in a composed configuration, Hydra's node included.

    Args:
        config: with its interpolations, which tell where a value comes from.
        redact: the patterns; None for those of the callbacks in this configuration.
    """
    patterns = patterns_of(config) if redact is None else tuple(redact)
    written = dict(_leaves(OmegaConf.to_container(config, resolve=False)))
    from_environment = _with_all_that_point_there(_of_environment(written), written)
    pointed_to = _pointed_to_by_secrets(written)
    by_name, values, keys, origin = Secrets(patterns), set[str](), [], set[str]()
    for key, text in written.items():
        if isinstance(text, str) and has_password(text) and not key.startswith(OF_COMMAND_LINE):
            keys.append(key)
            values |= passwords_of(text)
        variables = from_environment.get(key)
        is_known = key in pointed_to or variables is not None or by_name.is_secret(key, text)
        if key.startswith(OF_COMMAND_LINE) or not is_known:
            continue
        values |= set() if by_name.is_shown(key) else _given_by(variables or ())
        for inner, value in _leaves(_value_at(config, key), key):
            if by_name.is_secret(inner, value):
                keys.append(inner)
                values.add(str(value))
            elif not by_name.is_shown(inner) and (
                (key in pointed_to and isinstance(value, str) and not NUMBER.fullmatch(value))
                or (variables is not None and not _is_harmless(value, variables))
            ):
                keys.append(inner)
                origin.add(inner)
                values.add(str(value))
            elif isinstance(value, str) and has_password(value):
                keys.append(inner)
    values |= {password for value in values for password in passwords_of(value)}
    found = {value for value in values if _can_be_told(value)}
    found |= {quote(value, safe="") for value in found}
    return Secrets(patterns, frozenset(origin), tuple(dict.fromkeys(keys)), tuple(sorted(found, key=len, reverse=True)))


def recorded_yaml(config: DictConfig | ListConfig, secrets: Secrets) -> str:
    """Return a configuration as YAML, its interpolations as they are written, without the secrets."""
    written = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    return OmegaConf.to_yaml(OmegaConf.create(secrets.tree(written)))  # type: ignore[call-overload]  # a dict or a list


_OF_JOBS: dict[object, Secrets] = {}


def secrets_of_job(config: DictConfig) -> Secrets:
    """Find what is secret in a job's configuration; once for all jobs of a process that differ in values only.

    Args:
        config: of a job, Hydra's node included.
    """
    hydra = config.hydra
    given = map(OVERRIDE.fullmatch, task_overrides(config))
    overrides = {plain_key(found["key"]): found["value"] for found in given if found}
    choices = tuple(cast("dict[str, object]", OmegaConf.to_container(hydra.runtime.choices, resolve=True)).items())
    which = (hydra.sweep.dir, hydra.runtime.output_dir if not choices else "", choices, tuple(overrides))
    if which not in _OF_JOBS:
        _OF_JOBS[which] = secrets_of(config)
    found = _OF_JOBS[which]
    new = {value for key, value in overrides.items() if found.is_secret(key, value) and _can_be_told(value)}
    new -= set(found.values)
    values = tuple(sorted([*found.values, *new], key=len, reverse=True))
    return replace(found, values=values) if new else found


def patterns_of(config: DictConfig) -> tuple[str, ...]:
    """Return the `redact` patterns of all callbacks."""
    callbacks = OmegaConf.select(config, "hydra.callbacks")
    options = callbacks.values() if isinstance(callbacks, DictConfig) else ()
    listed = [option.get("redact") or () for option in options if OmegaConf.is_dict(option)]
    return tuple(str(pattern) for patterns in listed for pattern in ([patterns] if _is_text(patterns) else patterns))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _leaves(node: object, key: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(node, Mapping):
        for name, item in node.items():
            yield from _leaves(item, f"{key}.{name}" if key else str(name))
    elif isinstance(node, (list, tuple)):
        for i, item in enumerate(node):
            yield from _leaves(item, f"{key}.{i}")
    else:
        yield key, node


def _of_environment(written: Mapping[str, object]) -> dict[str, frozenset[str]]:
    """Return the keys that read the environment, with the variables' names; not those that get their default."""
    found = {
        key: frozenset(_FROM_ENVIRONMENT.findall(text))
        for key, text in written.items()
        if isinstance(text, str) and "oc.env" in text
    }
    return {key: names for key, names in found.items() if not names or not all(map(_describes_or_absent, names))}


def _describes_or_absent(variable: str) -> bool:
    return variable not in os.environ or (describes(variable) and not names_secret(variable))


def _with_all_that_point_there(
    sources: dict[str, frozenset[str]], written: Mapping[str, object]
) -> dict[str, frozenset[str]]:
    """Add the keys whose interpolations lead to the sources, directly, by other keys, or to what holds them."""
    if not sources:
        return sources
    pointers = {
        key: [_absolute(key, target) for target in _POINTS_TO.findall(text)]
        for key, text in written.items()
        if isinstance(text, str) and "${" in text
    }
    grown = True
    while grown:
        grown = False
        for key, targets in pointers.items():
            names = [
                variables
                for target in targets
                for source, variables in sources.items()
                if source != key and (_is_below(source, target) or _is_below(target, source))
            ]
            joined = frozenset().union(*names) | sources.get(key, frozenset())
            if names and sources.get(key) != joined:
                sources[key], grown = joined, True
    return sources


def _pointed_to_by_secrets(written: Mapping[str, object]) -> set[str]:
    """Return the keys from which one with the name of a secret takes its value, directly or by others: `${hook}`."""
    left = [key for key in written if Secrets().is_secret(key, "by its name")]
    found: set[str] = set()
    while left:
        key = left.pop()
        pointer = _POINTS_TO.fullmatch(str(written.get(key)))
        target = _absolute(key, pointer[1]) if pointer else key
        if target in written and target != key and target not in found:
            found.add(target)
            left.append(target)
    return found


def _is_below(key: str, other: str) -> bool:
    return key == other or key.startswith(f"{other}.")


def _absolute(key: str, target: str) -> str:
    """Return the dotted key that an interpolation under `key` names: `.sibling`, `..uncle`, `a[0].b`."""
    plain = re.sub(r"\[(\w+)\]", r".\1", target)
    name = plain.lstrip(".")
    levels = len(plain) - len(name)
    if not levels:
        return plain
    return ".".join([*key.split(".")[:-levels], name])


def _value_at(config: DictConfig, key: str) -> object:
    """Return the value of a leaf, plain; None where it has none, so that there is nothing to leave out."""
    node: object = config
    try:
        for part in key.split("."):
            node = node[int(part)] if isinstance(node, ListConfig) else _item(node, part)
        return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    except Exception:  # whatever a resolver raises; who reads the value hears of it
        return None


def _item(node: object, part: str) -> object:
    if not isinstance(node, DictConfig):
        raise LookupError(part)
    return node[next(name for name in node if str(name) == part)]


def _given_by(variables: Iterable[str]) -> set[str]:
    """Return what the variables hold that is secret, of an address its password."""
    held = {os.environ[name]: name for name in variables if not _describes_or_absent(name)}
    passwords = {password for value in held for password in passwords_of(value)}
    return passwords | {value for value, name in held.items() if not _is_harmless(value, frozenset({name}))}


def _is_harmless(value: object, variables: frozenset[str]) -> bool:
    if value is None or isinstance(value, bool):
        return True
    if any(map(names_secret, variables)):
        return False
    text = str(value)
    is_path = text.startswith(("/", "~")) and Path(text).expanduser().exists()
    return is_path or "://" in text or NUMBER.fullmatch(text) is not None


def _can_be_told(value: str) -> bool:
    """Tell whether a secret can be looked for: `basic` and `1` stand everywhere."""
    return len(value) >= SHORTEST and value != MASK and (len(value) > 5 or not value.isalpha())
