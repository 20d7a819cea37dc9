"""The settings of searches, flat and without secrets, and those that differ."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from optuna.trial import FrozenTrial
from yaml import YAMLError

from hydra_plugins.hydra_search.errors import shown
from hydra_plugins.hydra_search.files import MULTIRUN
from hydra_plugins.hydra_search.secrets import Secrets

from ._compared import Compared
from ._facts import SearchFacts

ABSENT = "(absent)"
# Of `hydra.sweeper`: what decides what a search tries, and when it ends.
OF_SWEEPER = (
    "timeout", "trial_timeout", "target", "max_stagnation_trials", "min_improvement", "constraints", "confirm",
    "max_failure_rate", "max_initial_failures", "enqueue", "enqueue_defaults", "warm_start", "devices", "duplicates",
    "on_mismatch", "custom_search_space",
)  # fmt: skip
GROUPS = ("hydra/sweeper", "hydra/sweeper/sampler", "hydra/sweeper/pruner", "hydra/launcher")
POINTER = re.compile(r"\$\{([\w.]+)\}")
MOST_STEPS = 8  # from pointer to pointer


Rows = dict[str, list[str]]  # a text for each search


@dataclass(frozen=True)
class Settings:
    """Of one search; texts by name. What nobody recorded is None."""

    of_search: Mapping[str, str] | None
    options: Mapping[str, str]  # of the config groups
    of_jobs: Mapping[str, str] | None  # the configuration that the jobs share
    space: Mapping[str, str]  # what is searched: the range of each parameter


def settings_of(search: Compared) -> Settings:
    """Read what was recorded of a search: its facts, its fingerprint, and the multirun.yaml of its directory."""
    config = _configuration(search.directory)
    secrets = Secrets(search.facts.redact or _redacted(config))
    fingerprint = search.fingerprint or {}
    space = _space(search.facts, fingerprint, search.trials)
    if fingerprint:
        options, jobs = fingerprint.get("options", {}), fingerprint.get("config", {})
    else:
        left_out = {"hydra", "study_name"}
        own = {key: value for key, value in config.items() if key not in left_out}
        options, jobs = search.facts.choices, {key: value for key, value in _leaves(own) if key not in space}
    of_search = {**_of_search(search.facts), **_of_sweeper(config)}
    return Settings(
        _texts(of_search, secrets) if of_search else None,
        _texts(options, secrets),
        _texts(jobs, secrets) if jobs else None,
        {name: secrets.of_key(name, text) for name, text in space.items()},
    )


def differing(settings: Sequence[Settings]) -> tuple[Rows, Rows]:
    """Return the settings that differ: those of the searches, and those of their jobs with the space.

    Each is a text for each search; empty where nothing of this kind was recorded of one, which is no difference.
    """
    of_search = _rows([one.of_search for one in settings])
    options = _rows([one.options or None for one in settings])
    return of_search, options | _rows([_with_space(one) for one in settings])


def other_measure(settings: Sequence[Settings]) -> list[str]:
    """Return the keys of the configuration that all jobs have, with values that differ: these may measure otherwise."""
    rows = _rows([one.of_jobs for one in settings])
    searched = {name for one in settings for name in one.space}
    return [key for key, texts in rows.items() if key not in searched and ABSENT not in texts]


def _with_space(settings: Settings) -> Mapping[str, str] | None:
    """Return configuration and space together: what one search fixes, another may search."""
    if settings.of_jobs is None and not settings.space:
        return None
    searched = {name: f"searched: {text}" if text else "searched" for name, text in settings.space.items()}
    return {**(settings.of_jobs or {}), **searched}


def _rows(recorded: Sequence[Mapping[str, str] | None]) -> Rows:
    keys = dict.fromkeys(key for one in recorded for key in one or ())
    rows = {key: [(one.get(key, ABSENT) if one is not None else "") for one in recorded] for key in keys}
    return {key: texts for key, texts in rows.items() if len({text for text in texts if text}) > 1}


def _of_search(facts: SearchFacts) -> dict[str, object]:
    if not facts.sampler:  # a study beside which nothing was recorded
        return {}
    commit = f"{facts.git_commit[:12]}{' with changes' if facts.git_dirty else ''}" if facts.git_commit else None
    return {
        "sampler": facts.sampler, "pruner": facts.pruner or "none", "seed": facts.seed, "n_trials": facts.n_trials,
        "n_jobs": facts.n_jobs, "max_retries": facts.max_retries, "commit": commit,
        **{f"version of {name}": version for name, version in facts.versions.items()},
    }  # fmt: skip


def _of_sweeper(config: Mapping[str, Any]) -> dict[str, object]:
    chosen = _at(config, "hydra.runtime.choices")
    sweeper = _at(config, "hydra.sweeper")
    groups = {group: chosen[group] for group in GROUPS if isinstance(chosen, Mapping) and group in chosen}
    own = sweeper if isinstance(sweeper, Mapping) else {}
    return groups | {f"hydra.sweeper.{key}": _followed(config, own[key]) for key in OF_SWEEPER if key in own}


def _space(facts: SearchFacts, fingerprint: Mapping[str, Any], trials: Sequence[FrozenTrial]) -> dict[str, str]:
    """Return the range of each parameter; a fingerprint writes equal ranges alike."""
    if fingerprint.get("space"):
        return dict(fingerprint["space"])
    if facts.space:
        return {row.name: row.written for row in facts.space}
    return {name: str(found) for trial in trials for name, found in trial.distributions.items()}


def _texts(settings: Mapping[str, object], secrets: Secrets) -> dict[str, str]:
    # a key of one branch is `model.penalty [model=svm]`
    return {key: shown(secrets.tree(value, key.partition(" [")[0])) for key, value in settings.items()}


def _configuration(directory: Path | None) -> dict[str, Any]:
    """Return the sweep's configuration as it is written: nothing is resolved, so no variable is read."""
    if directory is None:
        return {}
    try:
        content = OmegaConf.to_container(OmegaConf.load(directory / MULTIRUN), resolve=False)
    except (OSError, YAMLError, OmegaConfBaseException):
        return {}
    return {str(key): value for key, value in content.items()} if isinstance(content, dict) else {}


def _redacted(config: Mapping[str, Any]) -> tuple[str, ...]:
    callbacks = _at(config, "hydra.callbacks")
    options = callbacks.values() if isinstance(callbacks, Mapping) else ()
    found = [one["redact"] for one in options if isinstance(one, Mapping) and isinstance(one.get("redact"), list)]
    return tuple(str(pattern) for patterns in found for pattern in patterns)


def _followed(config: Mapping[str, Any], value: object) -> object:
    """Return what a pointer to another key points to; anything else as it is."""
    for _ in range(MOST_STEPS):
        pointer = POINTER.fullmatch(value) if isinstance(value, str) else None
        if pointer is None:
            break
        value = _at(config, pointer[1])
    return value


def _at(node: object, key: str) -> Any:
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _leaves(node: object, key: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(node, Mapping) and (node or not key):
        for name, item in node.items():
            yield from _leaves(item, f"{key}.{name}" if key else str(name))
    else:
        yield key, node
