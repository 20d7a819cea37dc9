"""The asynchronous sweeper on launchers whose workers are processes of their own. Joblib's are in test_sweepers.py."""

import os
import re
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from optuna.trial import TrialState

from tests.conftest import ROOT, RunApp, StartApp
from tests.recorded import Recorded
from tests.studies import finished, running, states, trials_of
from tests.tracked import wait_for_jobs

SLURM_LOCAL = OmegaConf.load(ROOT / "conf/hydra/launcher/slurm_local.yaml")
SEARCH = (
    "--multirun", "--config-name=asynchronous", "hydra/launcher=submitit_local", "hydra.sweeper.n_jobs=2",
    *(f"hydra.launcher.{key}={value}" for key, value in SLURM_LOCAL.items() if key != "defaults"),
)  # fmt: skip
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def submitit() -> None:
    if os.environ.get("CI") != "true":
        pytest.importorskip("submitit", reason="pip install 'hydra-submitit-launcher>=1.4.0rc3,<1.5'")


def test_search_on_submitit_runs_each_trial_once(run_app: RunApp, tmp_path: Path, sweep: Path) -> None:
    done = run_app("tracked.py", *SEARCH, "hydra.sweeper.n_trials=12", "seconds=0.1")
    assert done.returncode == 0, done.stderr
    assert all(re.match(r"\d+/12 trials", line) for line in done.stderr.splitlines()), "nothing but the progress"
    assert "Submitit '" not in done.stdout
    trials = trials_of(sweep)
    assert states(trials) == dict.fromkeys(range(12), "COMPLETE")
    assert len({trial.user_attrs["worker"]["pid"] for trial in trials}) == 2
    for trial in trials:
        recorded = sweep / f"{trial.number}/.hydra"
        assert OmegaConf.load(recorded / "hydra.yaml").hydra.job.num == trial.number
        assert f"x={trial.params['x']}" in list(OmegaConf.load(recorded / "overrides.yaml"))
    assert Recorded(tmp_path).statuses() == {f"trial-{i}": "FINISHED" for i in range(12)}
    logs = "".join(path.read_text() for path in (sweep / ".submitit").glob("*/*_log.out"))
    assert all(logs.count(f"\t#{i} :") == 1 for i in range(12))


def test_trial_of_a_killed_submitit_worker_is_put_back(start_app: StartApp, tmp_path: Path, sweep: Path) -> None:
    gate = tmp_path / "gate"
    no_mlflow = "hydra.callbacks.mlflow.enabled=false"
    search = start_app("tracked.py", *SEARCH, no_mlflow, "hydra.sweeper.n_trials=6", f"wait_for={gate}")
    wait_for_jobs(sweep, 2)
    victim = running(trials_of(sweep))[1]
    os.kill(victim.user_attrs["worker"]["pid"], signal.SIGKILL)
    time.sleep(0.1)
    gate.touch()
    output = search.communicate(timeout=60)[0]  # submitit waits 15 s for the result of a killed process
    assert search.returncode == 0, output
    assert "A worker was lost" in output and "Traceback" not in output
    trials = trials_of(sweep)
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETE: 6, TrialState.FAIL: 1}
    assert trials[victim.number].user_attrs["lost"] == "worker lost"
    (again,) = [trial for trial in finished(trials) if trial.user_attrs.get("retry_of") == victim.number]
    assert again.params == victim.params


@pytest.mark.parametrize("launcher", ["joblib", "submitit"])
def test_each_worker_keeps_a_device_of_its_own(run_app: RunApp, tmp_path: Path, sweep: Path, launcher: str) -> None:
    own = SEARCH[2:3] + SEARCH[4:] if launcher == "submitit" else ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    # submitit's local launcher says which GPUs its workers see, by their number
    own = tuple("hydra.launcher.gpus_per_node=2" if "gpus_per_node" in line else line for line in own)
    jobs = ("n_trials=8", "n_jobs=${gpu_count:}", "devices=auto")
    arguments = (*own, *(f"hydra.sweeper.{line}" for line in jobs))
    done = run_app("devices.py", "--multirun", *arguments, env={"CUDA_VISIBLE_DEVICES": "4,5"})
    assert done.returncode == 0, done.stderr
    seen: dict[int, set[str]] = {}
    for trial in trials_of(sweep):
        device = (sweep / str(trial.number) / "device.txt").read_text()
        seen.setdefault(trial.user_attrs["worker"]["pid"], set()).add(device)
    expected = ["0", "1"] if launcher == "submitit" else ["4", "5"]
    assert sorted(seen.values(), key=min) == [{device} for device in expected]
