"""What makes the results of a search comparable: what its jobs share, flat and readable, and how two of these differ.

The configuration as it is written, interpolations unresolved: what they point to stands in it too, and the time, the
output directory and the environment make no difference. Left out are the searched keys, and the keys from which the
settings of the search come, such as the number of trials.
"""

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from omegaconf import DictConfig, OmegaConf
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from hydra_plugins.hydra_search.errors import shown
from hydra_plugins.hydra_search.grammar import interval_text, override_text
from hydra_plugins.hydra_search.secret_names import names_secret
from hydra_plugins.hydra_search.urls import masked

from ..space._parameter import stored_text
from ..space._tree import Space
from ._constraints import KEY as CONSTRAINTS

# Settings of the search, wherever they come from, are no part of its jobs; of the names only what names them directly.
OF_SEARCH = (
    "sweeper.n_trials", "sweeper.n_jobs", "sweeper.timeout", "sweeper.trial_timeout", "sweeper.target",
    "sweeper.storage", "sweeper.params", "sweeper.max_failure_rate", "sweeper.max_retries", "sweeper.job_output",
    "sweeper.max_initial_failures", "sweeper.enqueue", "sweeper.keep_checkpoints", "sweeper.keep_artifacts",
    "sweeper.enqueue_defaults", "sweeper.max_stagnation_trials", "sweeper.min_improvement", "sweeper.devices",
    "sweeper.report", "sweeper.confirm", "sweeper.on_mismatch", "sweeper.direction", "sweeper.metric", "launcher",
    "callbacks.mlflow.enabled", "callbacks.mlflow.tracking_uri", "callbacks.mlflow.log_artifacts",
    "callbacks.mlflow.log_model", "callbacks.mlflow.register_model", "callbacks.mlflow.metric",
    "callbacks.mlflow.direction", "callbacks.mlflow.keep_artifacts",
    "callbacks.preflight.timeout", "callbacks.preflight.metric",
)  # fmt: skip
NAMES = ("sweeper.study_name", "sweep.dir", "callbacks.mlflow.run_name", "callbacks.mlflow.experiment_name")
POINTER = re.compile(r"\$\{([\w.]+)\}")
ABSENT, LONGEST_VALUE = "(absent)", 60

Value = str | int | float | bool | Sequence[object] | None


@dataclass(frozen=True)
class Fingerprint:
    """What the jobs of a search share. JSON values."""

    metrics: Sequence[str] = ()
    # by dotted key; where the branches of the space differ: `model.penalty [model=svm]`
    config: Mapping[str, Value] = field(default_factory=dict)
    # what is searched: each parameter's name with its range or choices
    space: Mapping[str, str] = field(default_factory=dict)
    keys: Sequence[str] = ()  # the config keys and groups that are searched
    # the chosen option of each config group: tells in a word why many keys differ
    options: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> str:
        """Write it for a person to read."""
        return json.dumps(asdict(self), indent=1)


def fingerprint_of(
    config: DictConfig, space: Space, jobs: Sequence[tuple[Sequence[str], DictConfig]], metrics: Sequence[str]
) -> Fingerprint:
    """Return the fingerprint of a search.

    Args:
        config: the composed config of the sweep, with its hydra node.
        space: what is searched.
        jobs: of each branch of the space, a job's overrides and its configuration.
        metrics: the objectives' names.
    """
    left_out = keys_of_search(config)
    flats = [_shared(job, left_out, _searched_in(space, lines)) for lines, job in jobs]
    everywhere = {key: value for flat in flats for key, value in flat.items()}
    merged: dict[str, Value] = {}
    for key, value in everywhere.items():
        if all(same(flat.get(key, value), value) for flat in flats):
            merged[key] = value
            continue
        for (lines, _), flat in zip(jobs, flats, strict=True):
            if key in flat:
                merged[f"{key} [{' '.join(_branch_of(space, lines))}]"] = flat[key]
    constraints = OmegaConf.select(config, CONSTRAINTS) or {}  # by which the best is chosen
    merged |= {f"{CONSTRAINTS}.{name}": str(bound) for name, bound in constraints.items()}
    walk = [parameter for _, parameter in space.walk()]
    return Fingerprint(
        tuple(metrics),
        dict(sorted(merged.items())),
        {parameter.name: described(parameter.domain.distribution) for parameter in walk},
        sorted({parameter.config_key for parameter in walk}),
        {str(group): str(option) for group, option in config.hydra.runtime.choices.items() if "hydra/" not in group},
    )


def keys_of_search(config: DictConfig) -> set[str]:
    """Return the application's keys from which settings of the search come, directly or by way of others."""
    root = OmegaConf.to_container(config, resolve=False)
    found: set[str] = set()
    left = [key for name in OF_SEARCH for key in _pointed_to(_at(root, f"hydra.{name}"))]
    while left:
        key = left.pop()
        if key not in found and not key.startswith("hydra."):
            found.add(key)
            left += _pointed_to(_at(root, key))
    named = [POINTER.fullmatch(str(_at(root, f"hydra.{name}"))) for name in NAMES]
    return found | {pointer[1] for pointer in named if pointer}


@dataclass(frozen=True)
class Difference:
    """A key that tells two searches apart, with its two values."""

    key: str
    known: Value
    now: Value

    def __str__(self) -> str:
        return f"{self.key}: {_short(self.known)} -> {_short(self.now)}"

    def override(self) -> str | None:
        """Return what sets the known value again; None where an override can't."""
        if self.known == ABSENT or " " in self.key:
            return None
        return f"{self.key}={override_text(self.known)}"


def differences(known: Fingerprint, now: Fingerprint) -> list[Difference]:
    """Return what tells the searches apart, the metrics left out, and what only one of them searches."""
    moved = {_package_of(key) for key in set(known.keys) ^ set(now.keys)}
    keys = dict.fromkeys([*known.config, *now.config])
    by_branch = {_without_branch(key) for key in keys if key != _without_branch(key)}
    found = [
        Difference(key, _value(known.config, key), _value(now.config, key))
        for key in keys
        if key not in by_branch and not any(_is_below(_without_branch(key), other) for other in moved)
    ]
    found = [one for one in found if not same(one.known, one.now)]
    for group, option in known.options.items():
        below = [one for one in found if _is_below(one.key, _package_of(group))]
        if below and now.options.get(group, option) != option:
            found = [one for one in found if one not in below]
            found.insert(0, Difference(group, option, now.options[group]))
    return found


def space_differences(known: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return how the space has changed, one `name: old -> new` each."""
    names = dict.fromkeys([*known, *now])
    none = "not searched"
    return [f"{n}: {known.get(n, none)} -> {now.get(n, none)}" for n in names if known.get(n) != now.get(n)]


def same(one: object, other: object) -> bool:
    """Tell whether two values of a configuration are equal; true is not 1."""
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def described(distribution: BaseDistribution) -> str:
    """Write a distribution in Hydra's sweep grammar; of a range both ends are included."""
    if isinstance(distribution, CategoricalDistribution):
        return f"choice({', '.join(map(stored_text, distribution.choices))})"
    if not isinstance(distribution, (IntDistribution, FloatDistribution)):
        return str(distribution)
    whole = isinstance(distribution, IntDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if step not in (None, 1):
        return f"{{type: {'int' if whole else 'float'}, low: {low:g}, high: {high:g}, step: {step:g}}}"
    return interval_text(low, high, whole, distribution.log)


def _shared(job: DictConfig, left_out: Collection[str], searched: Collection[str]) -> dict[str, Value]:
    plain = OmegaConf.to_container(job, resolve=False, enum_to_str=True)
    content = {key: value for key, value in plain.items() if key != "hydra"} if isinstance(plain, dict) else {}
    return {
        key: value
        for key, value in _leaves(content)
        if key not in searched
        and not any(_is_below(key, other) for other in left_out)
        and not names_secret(key.rpartition(".")[2])
    }


def _leaves(value: object, key: str = "") -> Iterator[tuple[str, Value]]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list) and any(isinstance(item, (Mapping, list)) for item in value):
        for i, item in enumerate(value):
            yield from _leaves(item, f"{key}.{i}")
    else:
        yield key, [_scalar(item) for item in value] if isinstance(value, list) else _scalar(value)


def _scalar(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return masked(str(value))


def _searched_in(space: Space, lines: Sequence[str]) -> set[str]:
    """Return the keys that vary in the branch to which a job belongs, but the groups: what these hold is shared."""
    given = {line.lstrip("+") for line in lines}
    return {p.config_key for path, p in space.walk() if all(f"{key}={option}" in given for key, option in path)}


def _branch_of(space: Space, lines: Sequence[str]) -> list[str]:
    owners = {parameter.config_key for _, parameter in space.walk() if parameter.branches}
    return [line.lstrip("+") for line in lines if line.lstrip("+").partition("=")[0] in owners]


def _package_of(key: str) -> str:
    group, _, package = key.partition("@")
    return package or group.replace("/", ".")


def _is_below(key: str, other: str) -> bool:
    return key == other or key.startswith(f"{other}.")


def _without_branch(key: str) -> str:
    return key.partition(" [")[0]


def _value(config: Mapping[str, Value], key: str) -> Value:
    """Return the value in a branch, which may be that of all branches."""
    return config.get(key, config.get(_without_branch(key), ABSENT))


def _short(value: Value) -> str:
    text = shown(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _at(node: object, key: str) -> object:
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _pointed_to(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [key for item in value.values() for key in _pointed_to(item)]
    if isinstance(value, list):
        return [key for item in value for key in _pointed_to(item)]
    return POINTER.findall(value) if isinstance(value, str) else []
