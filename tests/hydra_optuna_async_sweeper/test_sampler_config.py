"""The options of hydra/sweeper/sampler that stand in for hydra-optuna-sweeper's where that is not installed."""

from dataclasses import fields

import pytest

from hydra_plugins.hydra_optuna_async_sweeper import sampler_config as ours

upstream = pytest.importorskip("hydra_plugins.hydra_optuna_sweeper.config")

NAMES = ("Grid", "TPE", "Random", "CmaEs", "NSGAII", "NSGAIII", "GP", "QMC")


@pytest.mark.parametrize("name", NAMES)
def test_keys_and_defaults_are_those_of_hydra_optuna_sweeper(name: str) -> None:
    def options(conf: type) -> dict[str, object]:
        return {field.name: field.default for field in fields(conf)}

    wanted, found = options(getattr(upstream, f"{name}SamplerConfig")), options(getattr(ours, f"{name}Conf"))
    assert wanted.keys() == found.keys()
    assert {k: v for k, v in wanted.items() if k in found and k != "_target_" and "pinned" not in str(found[k])} == {
        k: v for k, v in found.items() if k != "_target_" and "pinned" not in str(v)
    }
