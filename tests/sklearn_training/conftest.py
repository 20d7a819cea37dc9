"""A job's configuration in the test's own process, as train.check gets it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

import train
from tests.conftest import ROOT

Refusal = Callable[[str], str]


@pytest.fixture
def refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refusal:
    """Return what train.check refuses a command line with; empty if it does not."""
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    monkeypatch.chdir(tmp_path)

    def check(arguments: str) -> str:
        try:
            train.check(job(arguments))
        except ValueError as error:
            return str(error)
        return ""

    return check


def job(arguments: str) -> DictConfig:
    own = ["hydra.mode=RUN", "hydra.job.num=0"]
    with initialize_config_dir(str(ROOT / "conf"), job_name="train"):
        cfg = compose("config", [*own, *arguments.split()], return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        cfg.pop("hydra")
    return cfg
