"""The package in somebody else's application: nothing of this project's conf/ or train.py is there."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT, environment
from tests.recorded import Recorded

APP = """
import hydra
from hydra_plugins import hydra_mlflow_callback

CALLABLE = ["hydra_plugins.hydra_mlflow_callback.mlflow_callback.MLflowCallback"]
HOW = {"version_base": None} if hydra.__version__.startswith("1.3") else {"execution_whitelist": CALLABLE}

@hydra.main(config_path=None, config_name="config", **HOW)
def main(cfg):
    print("from", hydra_mlflow_callback.__file__)
    return (cfg.x - 2) ** 2

if __name__ == "__main__":
    main()
"""

CONFIG = """
defaults:
  - _self_
  - override hydra/sweeper: optuna_async
  - override hydra/callbacks: mlflow
x: 0.0
hydra:
  sweeper: {n_trials: 5, n_jobs: 1, sampler: {seed: 3}, params: {x: "interval(-5, 5)"}}
  callbacks: {mlflow: {metric: loss, direction: minimize}}
"""


@pytest.mark.slow
def test_wheel_holds_the_plugins_alone_and_serves_another_application(tmp_path: Path) -> None:
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(tmp_path / "wheel"),
        str(ROOT),
    ]
    subprocess.run(build, check=True, capture_output=True, timeout=240)
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(site)
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"hydra_plugins"}
    assert "hydra_plugins/__init__.py" not in names, "it would hide every other plugin"

    app = tmp_path / "app"
    app.mkdir()
    (app / "main.py").write_text(APP)
    (app / "config.yaml").write_text(CONFIG)
    environ = environment() | {"PYTHONPATH": str(site)}
    run = [sys.executable, "main.py", "--config-dir=.", "--multirun"]
    done = subprocess.run(run, cwd=app, env=environ, text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert f"from {site}" in done.stdout
    recorded = Recorded(app)
    assert recorded.statuses() == {f"trial-{i}": "FINISHED" for i in range(5)}
    losses = [run.data.metrics["loss"] for run in recorded.children.values()]
    assert recorded.parent.data.metrics["best_loss"] == min(losses)
