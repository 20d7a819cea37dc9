"""The asynchronous sweeper on a real Slurm without accounting."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from optuna.trial import FrozenTrial, TrialState

from tests.conftest import ROOT, RunApp, StartApp, wait_for
from tests.recorded import Recorded
from tests.slurm import SlurmCluster, why_not
from tests.studies import finished, running, states, trials_of
from tests.tracked import wait_for_jobs

pytestmark = pytest.mark.slow

OPTIONS = OmegaConf.load(ROOT / "conf/hydra/launcher/slurm.yaml")
SEARCH = (
    "--multirun", "--config-name=asynchronous", "hydra/launcher=submitit_slurm",
    *(f"hydra.launcher.{key}={'null' if value is None else value}" for key, value in OPTIONS.items()
      if key != "defaults"),
)  # fmt: skip
PLAIN = (*SEARCH, "hydra.callbacks.mlflow.enabled=false")


@pytest.fixture(scope="module")
def slurm() -> Iterator[SlurmCluster]:
    if reason := why_not():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    if os.environ.get("CI") != "true":
        pytest.importorskip("submitit", reason="pip install 'hydra-submitit-launcher>=1.4.0rc3,<1.5'")
    started = SlurmCluster()
    try:
        started.start()
        yield started
    finally:
        started.stop()


def jobs(n: int) -> str:
    return f"hydra.sweeper.n_jobs={n}"


def put_back(trials: list[FrozenTrial], victim: FrozenTrial) -> FrozenTrial:
    """Return the trial that runs the victim's parameters again."""
    (again,) = [trial for trial in finished(trials) if trial.user_attrs.get("retry_of") == victim.number]
    assert again.params == victim.params
    return again


def test_train_searches_on_slurm(run_app: RunApp, slurm: SlurmCluster, tmp_path: Path) -> None:
    small = ("dataset=iris", "model=logistic_regression", "n_trials=6", "n_jobs=2", "study_name=search")
    small = (*small, "hydra/sweeper/pruner=none")  # the sixth trial may be pruned, by when the others end
    done = run_app("train.py", "--multirun", "hydra/launcher=slurm", *small, env=slurm.settings)
    assert done.returncode == 0, done.stdout + done.stderr
    trials = trials_of(tmp_path / "multirun/search")
    assert states(trials) == dict.fromkeys(range(6), "COMPLETE")
    assert Recorded(tmp_path).statuses() == {f"trial-{i}": "FINISHED" for i in range(6)}
    wait_for(lambda: not slurm.queue(), 20, "Slurm's queue to be empty")


def test_trial_of_a_killed_slurm_worker_is_put_back(
    start_app: StartApp, slurm: SlurmCluster, tmp_path: Path, sweep: Path
) -> None:
    gate = tmp_path / "gate"
    arguments = [*PLAIN, jobs(2), "hydra.sweeper.n_trials=6", f"wait_for={gate}"]
    search = start_app("tracked.py", *arguments, env=slurm.settings)
    wait_for_jobs(sweep, 2)
    victim = running(trials_of(sweep))[1]
    os.kill(victim.user_attrs["worker"]["pid"], signal.SIGKILL)
    gate.touch()
    output = search.communicate(timeout=120)[0]
    assert search.returncode == 0, output
    trials = trials_of(sweep)
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETE: 6, TrialState.FAIL: 1}
    put_back(trials, victim)


def test_new_worker_is_launched_when_the_only_one_was_killed(
    start_app: StartApp, slurm: SlurmCluster, tmp_path: Path, sweep: Path
) -> None:
    gate = tmp_path / "gate"
    arguments = [*PLAIN, jobs(1), "hydra.sweeper.n_trials=3", f"wait_for={gate}"]
    search = start_app("tracked.py", *arguments, env=slurm.settings)
    wait_for(lambda: list(sweep.glob("*/waiting")), 60, "the first job")
    (victim,) = running(trials_of(sweep))
    os.kill(victim.user_attrs["worker"]["pid"], signal.SIGKILL)
    gate.touch()
    output = search.communicate(timeout=120)[0]
    assert search.returncode == 0, output
    trials = trials_of(sweep)
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETE: 3, TrialState.FAIL: 1}
    put_back(trials, victim)
    assert "A worker was lost" in output and "Traceback" not in output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2], ids=["terminated", "preempted"])
def test_worker_that_is_told_to_end_puts_its_trial_back(
    start_app: StartApp, slurm: SlurmCluster, tmp_path: Path, sweep: Path, number: signal.Signals
) -> None:
    gate = tmp_path / "gate"
    arguments = [*PLAIN, jobs(2), "hydra.sweeper.n_trials=6", f"wait_for={gate}"]
    search = start_app("tracked.py", *arguments, env=slurm.settings)
    wait_for_jobs(sweep, 2)
    victim = running(trials_of(sweep))[1]
    os.kill(victim.user_attrs["worker"]["pid"], number)
    wait_for(lambda: trials_of(sweep)[victim.number].user_attrs.get("lost") == "interrupted", 30, "the trial's return")
    gate.touch()
    output = search.communicate(timeout=120)[0]
    assert search.returncode == 0, output
    trials = trials_of(sweep)
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETE: 6, TrialState.FAIL: 1}
    put_back(trials, victim)
    if number == signal.SIGUSR2:  # submitit has queued the worker again; Slurm lets it wait for two minutes
        assert len(slurm.queue()) == 1
        slurm.run("scancel", *slurm.queue())
