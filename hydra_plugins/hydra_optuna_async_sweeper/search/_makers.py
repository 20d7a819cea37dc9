"""What makes samplers and pruners: their settings, tried before a search begins."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from omegaconf import DictConfig, OmegaConf
from optuna.pruners import NopPruner

from hydra_plugins.hydra_search.errors import BadInput, bad_input, one_line, shown

from ..space._tree import Space
from ..worker._choice import settle
from ..worker._sampler import Plain, is_auto, is_grid, make_pruner, try_sampler

if TYPE_CHECKING:
    from ..config import OptunaAsyncSweeperConf


def makers_of(
    settings: "OptunaAsyncSweeperConf", config: DictConfig, space: Space, directions: Sequence[str]
) -> tuple[Plain, Plain | None]:
    """Return the settings of sampler and pruner, both checked. Raises BadInput."""
    sampler = _maker_of(config, "sampler", settings.sampler)
    pruner = _maker_of(config, "pruner", settings.pruner)
    if is_auto(pruner) and len(directions) > 1:
        pruner = None
    known = None if settings.custom_search_space else space
    sampler = settle(sampler, known, len(directions), settings.n_trials)
    _check_makers(sampler, pruner, space, directions)
    return sampler, pruner


def _maker_of(config: DictConfig, key: str, spec: object) -> Plain | None:
    """Return the settings of the sampler or the pruner; None where the application's own YAML has none."""
    name, group = f"hydra.sweeper.{key}", f"hydra/sweeper/{key}"
    if OmegaConf.is_missing(config.hydra.sweeper, key):
        example = "tpe" if key == "sampler" else "none"
        raise bad_input(name, "nothing", "must be set", f"Choose one: {group}={example}, for example.")
    if key not in config.hydra.sweeper or (spec is None and key == "pruner"):
        return None
    if not isinstance(spec, Mapping):
        choice = "tpe" if spec is None else spec
        raise bad_input(name, spec, "must be a mapping with a _target_", f"Did you mean {group}={choice}?")
    return cast("Plain", spec) if spec else None


def _check_makers(sampler: Plain, pruner: Plain | None, space: Space, directions: Sequence[str]) -> None:
    _check_makes("pruner", pruner, lambda: make_pruner(pruner))
    prunes = make_pruner(pruner)
    if len(directions) > 1 and not isinstance(prunes, NopPruner):
        rule, remedy = (
            "needs a single objective: of several, none is the one to prune by",
            "Set hydra/sweeper/pruner=none.",
        )
        raise bad_input("hydra.sweeper.pruner", type(prunes).__name__, rule, remedy)
    _check_makes(
        "sampler", sampler, lambda: None if is_grid(sampler) else try_sampler(sampler, space, directions, prunes)
    )


def _check_makes(key: str, spec: Plain | None, make: Callable[[], object]) -> None:
    try:
        make()
    except BadInput:
        raise
    except Exception as error:  # whatever Optuna raises for an argument, wrapped by Hydra
        rule = f"can't be made ({one_line(error.__cause__ or error)})"
        remedy = f"Correct hydra.sweeper.{key}, or choose another hydra/sweeper/{key}."
        raise bad_input(f"hydra.sweeper.{key}", dict(spec or {}), rule, remedy) from error


def maker_text(spec: Plain | None) -> str:
    """Write a sampler or a pruner: `TPESampler(seed=1)`, with the arguments that are set."""
    if not spec:
        return ""
    if is_auto(spec):
        return "auto: MedianPruner()"
    arguments = [f"{key}={shown(value)}" for key, value in spec.items() if key[0] != "_" and value is not None]
    return f"{str(spec.get('_target_', '')).rpartition('.')[2]}({', '.join(arguments)})"


def prunes(pruner: Plain | None) -> bool:
    """Tell whether there is a pruner that may prune."""
    return bool(pruner) and maker_text(pruner) != "NopPruner()"
