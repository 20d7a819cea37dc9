"""Where a setting is read, and where there is none."""

import pytest
from omegaconf import OmegaConf

from hydra_plugins.hydra_search.errors import BadInput
from hydra_plugins.hydra_search.settings import check_direction, read_setting


def test_setting_below_a_node_that_is_not_there_is_absent() -> None:
    assert read_setting(OmegaConf.create({"hydra": {"callbacks": {}}}), "hydra.callbacks.mlflow.enabled") is None
    assert read_setting(OmegaConf.create({"hydra": {"callbacks": None}}), "hydra.callbacks.mlflow.enabled") is None


def test_direction_under_another_key_is_refused_by_that_key() -> None:
    config = OmegaConf.create({"a": {"direction": "${way}"}, "way": "maximise"})
    with pytest.raises(BadInput, match=r"^way \(a.direction\): must be maximize or minimize, got maximise"):
        check_direction(config, "loss", "a.direction")
