"""A configuration that the application itself declares: dataclasses and a resolver of `__main__`."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

from tests.hydra_lines import TODAYS


class Kind(Enum):
    LINEAR = 1
    SQUARED = 2


@dataclass
class Model:
    x: float = 0.5
    kind: Kind = Kind.LINEAR
    layers: list[int] = field(default_factory=lambda: [8, 8])


@dataclass
class Wide(Model):
    layers: list[int] = field(default_factory=lambda: [64])


@dataclass
class Config:
    defaults: list[Any] = field(default_factory=lambda: [{"model": "narrow"}, "_self_"])
    model: Model = MISSING
    width: int = "${width_of:${model.layers}}"  # type: ignore[assignment]  # resolved, it is one


for name, node in ("narrow", Model), ("wide", Wide):
    ConfigStore.instance().store(group="model", name=name, node=node)
ConfigStore.instance().store(name="config", node=Config)
OmegaConf.register_new_resolver("width_of", max)


@hydra.main(config_path=None, config_name="config", **TODAYS)
def main(cfg: Config) -> float:
    model = OmegaConf.to_object(cfg.model)
    assert isinstance(model, Model) and isinstance(model.kind, Kind)
    return float(cfg.model.x) * cfg.width


if __name__ == "__main__":
    main()
