"""Search spaces, made from YAML as Hydra does it, and what a job makes of them."""

from collections.abc import Mapping
from typing import Any

import optuna
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from optuna.distributions import BaseDistribution
from optuna.samplers import RandomSampler

from hydra_plugins.hydra_optuna_async_sweeper.space._grid import Grid
from hydra_plugins.hydra_optuna_async_sweeper.space._overrides import with_overrides
from hydra_plugins.hydra_optuna_async_sweeper.space._tree import Space, parse_space

ANY_MODEL = """
dataset: choice(iris, wine)
model:
  choices:
    random_forest:
      model.n_estimators: int(interval(50, 300))
      model.max_depth: {type: int, low: 3, high: 12}
      model.max_features: sqrt, null
    svm:
      model.C: tag(log, interval(1e-2, 1e3))
      preprocessor: choice(none, standard)
      model.kernel:
        choices:
          rbf: {model.gamma: "tag(log, interval(1e-4, 1.0))"}
          poly: {model.degree: "range(2, 5)", model.gamma: {low: 0.5, high: 2.0}}
          linear:
    extra_trees:
      model.max_depth: range(2, 30, 4)
"""


def entries_of(text: str) -> dict[str, Any]:
    """Load a space as Hydra does: through OmegaConf, into plain containers."""
    return dict(OmegaConf.to_container(OmegaConf.create(text), resolve=True))  # type: ignore[call-overload]


def space_of(text: str) -> Space:
    return parse_space(entries_of(text))


def joined(text: str, *overrides: str) -> tuple[dict[str, Any], list[str]]:
    return with_overrides(entries_of(text), OverridesParser.create().parse_overrides(list(overrides)))


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """All parameters' distributions by name, those of inactive branches included."""
    return {parameter.name: parameter.domain.distribution for _, parameter in space.walk()}


def distribution(value: object) -> BaseDistribution:
    return distributions(parse_space({"x": value}))["x"]


def suggested(space: Space, params: Mapping[str, Any]) -> list[str]:
    """The overrides of a trial that was enqueued with these parameters."""
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    study.enqueue_trial(dict(params))
    return space.suggest(study.ask())


def parsed(overrides: list[str]) -> dict[str, Any]:
    """Read a job's overrides as Hydra does; each key once, each value a constant."""
    read = OverridesParser.create().parse_overrides(overrides)
    assert not any(override.is_sweep_override() for override in read)
    values = {override.get_key_element(): override.value() for override in read}
    assert len(values) == len(overrides)
    return values


def same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def points_of(space: Space) -> list[dict[str, Any]]:
    """Every point of a discrete space, in order."""
    grid = Grid.of(space)
    return [grid.point(number) for number in range(grid.size)]
