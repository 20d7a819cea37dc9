"""A project that pins Hydra 1.3 and was there before takes this package by pip, three lines of YAML, and searches."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from hydra_plugins.hydra_search.hydra_line import HAS_WHITELIST
from tests.conftest import ROOT, environment
from tests.recorded import Recorded

PINNED = "hydra-core==1.3.2"

APP = """
import logging
import multiprocessing
from dataclasses import dataclass, field

import hydra
from hydra.core.config_store import ConfigStore
from hydra_plugins.hydra_trial import report

log = logging.getLogger("project")


@dataclass
class Model:
    lr: float = 0.1
    layers: list[int] = field(default_factory=lambda: [8, 8])


@dataclass
class Config:
    model: Model = field(default_factory=Model)
    epochs: int = 4


ConfigStore.instance().store(name="schema", node=Config)


def load(batch: int) -> float:
    return batch / 10


@hydra.main(config_path="conf", config_name="config", version_base=None)
def main(cfg: Config) -> float:
    with multiprocessing.Pool(2) as loader:  # as a DataLoader's workers
        offset = sum(loader.map(load, range(3)))
    for epoch in range(cfg.epochs):
        loss = (cfg.model.lr - offset) ** 2 + 1 / (1 + epoch)
        report(loss, epoch)
    log.info("loss is %s", loss)
    return loss


if __name__ == "__main__":
    main()
"""

BEFORE = "defaults:\n  - schema\n  - _self_\n"
THREE_LINES = """  - override hydra/sweeper: optuna_async
  - override hydra/callbacks: mlflow
hydra: {sweeper: {n_trials: 16, n_jobs: 2, params: {model.lr: "interval(0, 1)"}}}
"""


def pip(project: Path, *args: str) -> str:
    """Run the project's own pip. Skips the test where no index can be reached, but for CI."""
    python = project / "venv/bin/python"
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *args]
    done = subprocess.run(command, cwd=project, text=True, capture_output=True, timeout=500)
    is_offline = any(sign in done.stderr for sign in ("NewConnectionError", "No matching distribution", "Connection"))
    if done.returncode and is_offline and not os.environ.get("CI"):
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr
    return done.stdout


def installed(project: Path) -> dict[str, str]:
    lines = pip(project, "list", "--format=freeze").splitlines()
    return dict(line.split("==", 1) for line in lines if "==" in line)


@pytest.mark.slow
def test_package_changes_nothing_in_a_project_that_pins_hydra_1_3_and_it_searches(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "venv"], cwd=tmp_path, check=True, timeout=120)
    pip(tmp_path, "install", "--quiet", PINNED)
    before = installed(tmp_path)
    pip(tmp_path, "install", "--quiet", "--no-compile", str(ROOT))
    after = installed(tmp_path)
    assert before.items() <= after.items(), "nothing that was there has changed"
    assert {"hydra-core", "omegaconf"} <= before.keys() and "hydra-optuna-sweeper" not in after
    searches_with_three_lines_of_yaml(tmp_path, "venv/bin/python")


@pytest.mark.slow
@pytest.mark.skipif(HAS_WHITELIST, reason="for an environment that has Hydra 1.3")
def test_project_of_this_environments_hydra_1_3_searches_with_three_lines_of_yaml(tmp_path: Path) -> None:
    assert find_spec("hydra_plugins.hydra_optuna_sweeper") is None
    searches_with_three_lines_of_yaml(tmp_path, sys.executable)


def searches_with_three_lines_of_yaml(project: Path, python: str) -> None:
    (project / "main.py").write_text(APP)
    (project / "conf").mkdir()
    (project / "conf/config.yaml").write_text(BEFORE + THREE_LINES)
    environ = {key: value for key, value in environment().items() if key != "PYTHONPATH"}
    search = [python, "main.py", "--multirun", "hydra/launcher=joblib", "hydra.sweeper.sampler.seed=1"]
    search += ["hydra/sweeper/pruner=median", "hydra.callbacks.mlflow.metric=loss", "hydra.sweep.dir=multirun/search"]
    search += ["hydra.callbacks.mlflow.direction=minimize"]
    done = subprocess.run(search, cwd=project, env=environ, text=True, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr

    recorded = Recorded(project)
    assert sorted(recorded.statuses()) == sorted(f"trial-{number}" for number in range(16))
    tables = (project / "multirun/search/trials.csv").read_text()
    assert {"COMPLETE", "PRUNED"} == {state for state in ("COMPLETE", "PRUNED", "FAIL") if state in tables.upper()}
    losses = [run.data.metrics["loss"] for run in recorded.children.values() if "loss" in run.data.metrics]
    assert recorded.parent.data.metrics["best_loss"] == min(losses) < 0.3
    logs = [(project / f"multirun/search/{number}/main.log").read_text() for number in range(16)]
    assert any("[project][INFO] - loss is" in text for text in logs), "its own logger writes into the job's own log"
