"""Every option of sweeper and callbacks, as their dataclasses in `config.py` declare and explain it."""

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_type_hints

from omegaconf import MISSING

from hydra_plugins.hydra_mlflow_callback.config import MLflowCallbackConf
from hydra_plugins.hydra_optuna_async_sweeper.config import OptunaAsyncSweeperConf
from hydra_plugins.hydra_optuna_async_sweeper.pruner_config import PRUNERS
from hydra_plugins.hydra_optuna_async_sweeper.sampler_config import SAMPLERS
from hydra_plugins.hydra_preflight_callback.preflight_callback import PreflightCallbackConf

EXAMPLE = "e.g. "
NOT_SET_BY_HAND = ("_target_", "_partial_", "_recursive_", "defaults", "checked")


@dataclass(frozen=True)
class Option:
    """One key."""

    key: str
    kind: Any  # its type
    default: object  # MISSING where another option of the group sets it
    meaning: str
    example: str  # an override


@dataclass(frozen=True)
class Node:
    """What stands below one key."""

    key: str
    choice: str  # what is written to have it
    text: str
    options: tuple[Option, ...]


def nodes() -> list[Node]:
    """Return everything that can be set."""
    return [
        _node("hydra.sweeper", "hydra/sweeper=optuna_async", OptunaAsyncSweeperConf),
        *(_node("hydra.sweeper.sampler", f"hydra/sweeper/sampler={name}", kind) for name, kind in SAMPLERS.items()),
        *(_node("hydra.sweeper.pruner", f"hydra/sweeper/pruner={name}", kind) for name, kind in PRUNERS.items()),
        _node("hydra.callbacks.mlflow", "hydra/callbacks=mlflow", MLflowCallbackConf),
        _node("hydra.callbacks.preflight", "hydra/callbacks=preflight", PreflightCallbackConf),
    ]


def _node(key: str, choice: str, declared: Any) -> Node:
    comments: dict[str, list[str]] = {}
    for base in reversed(declared.__mro__[:-1]):
        comments |= dict(_comments(base))
    kinds = get_type_hints(declared)
    options = tuple(
        _option(f"{key}.{field.name}", kinds[field.name], _default(field), comments.get(field.name, []))
        for field in dataclasses.fields(declared)
        if field.name not in NOT_SET_BY_HAND
    )
    return Node(key, choice, inspect.cleandoc(declared.__doc__ or ""), options)


def _comments(declared: type) -> Iterator[tuple[str, list[str]]]:
    """Yield each field's name with the comment above it; fields without a line between share one."""
    lines = textwrap.dedent(inspect.getsource(declared)).splitlines()
    (tree,) = ast.parse("\n".join(lines)).body
    before: list[str] = []
    for statement in tree.body if isinstance(tree, ast.ClassDef) else []:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            above: list[str] = []
            line = statement.lineno - 2
            while lines[line].strip().startswith("#"):
                above.insert(0, lines[line].strip()[1:].strip())
                line -= 1
            before = above if above or not lines[line].strip() else before
            yield statement.target.id, before


def _default(field: "dataclasses.Field[Any]") -> object:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _option(key: str, kind: Any, default: object, comment: list[str]) -> Option:
    meaning = " ".join(line for line in comment if not line.startswith(EXAMPLE))
    example = next((line.removeprefix(EXAMPLE) for line in comment if line.startswith(EXAMPLE)), "")
    return Option(key, kind, default, meaning, example if not example or key in example else f"{key}={example}")


def is_set_elsewhere(option: Option) -> bool:
    """Tell whether the option has no default of its own."""
    return bool(option.default == MISSING)
