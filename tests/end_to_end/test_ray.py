"""The asynchronous sweeper on Ray: on this machine, and on a cluster of two nodes of which one is killed."""

import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from optuna.trial import TrialState

from tests.conftest import ROOT, RunApp, StartApp, wait_for
from tests.ray_cluster import RayCluster, is_installed, settings
from tests.recorded import Recorded
from tests.studies import finished, running, states, trials_of
from tests.tracked import SEARCH, wait_for_jobs

pytestmark = pytest.mark.slow

LOCAL = OmegaConf.load(ROOT / "conf/hydra/launcher/ray.yaml")
LOCAL.ray.init.num_cpus = 2


def launcher(**init: object) -> list[str]:
    """Return the overrides of conf/hydra/launcher/ray.yaml, for applications without it."""
    options = OmegaConf.merge(LOCAL.ray, {"init": init})
    return [
        "hydra/launcher=ray", "hydra.sweeper.n_jobs=2",
        *(f"+hydra.launcher.ray.{part}.{key}={'null' if value is None else value}" for part in options
          for key, value in options[part].items() if (part, key) != ("init", "address")),
        f"hydra.launcher.ray.init.address={options.init.address}",
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def ray() -> None:
    if not is_installed():
        reason = "pip install 'hydra-ray-launcher>=1.4.0rc3,<1.5'"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    started = RayCluster()
    try:
        started.start()
        yield started
    finally:
        started.stop()


def test_search_on_ray_runs_each_trial_once(run_app: RunApp, tmp_path: Path, sweep: Path) -> None:
    arguments = [*SEARCH, *launcher(), "hydra.sweeper.n_trials=12", "seconds=0.1"]
    done = run_app("tracked.py", *arguments, env=settings())
    assert done.returncode == 0, done.stdout + done.stderr
    trials = trials_of(sweep)
    assert states(trials) == dict.fromkeys(range(12), "COMPLETE")
    assert len({trial.user_attrs["worker"]["pid"] for trial in trials}) == 2
    assert Recorded(tmp_path).statuses() == {f"trial-{i}": "FINISHED" for i in range(12)}
    assert sorted(set(map(int, re.findall(r"\t#(\d+) :", done.stdout)))) == list(range(12)), "the workers are heard"


def test_ray_gives_each_worker_its_own_device(run_app: RunApp, sweep: Path) -> None:
    options = launcher(num_gpus=2)
    options = [line.replace("remote.num_gpus=0", "remote.num_gpus=1") for line in options]
    done = run_app("devices.py", "--multirun", *options, env=settings())
    assert done.returncode == 0, done.stdout + done.stderr
    seen: dict[int, set[str]] = {}
    for trial in trials_of(sweep):
        device = (sweep / str(trial.number) / "device.txt").read_text()
        seen.setdefault(trial.user_attrs["worker"]["pid"], set()).add(device)
    assert sorted(map(sorted, seen.values())) == [["0"], ["1"]]


def test_trial_of_a_terminated_ray_worker_is_put_back(start_app: StartApp, tmp_path: Path, sweep: Path) -> None:
    gate = tmp_path / "gate"
    arguments = [*SEARCH, *launcher(), "hydra.sweeper.n_trials=6", f"wait_for={gate}"]
    search = start_app("tracked.py", *arguments, "hydra.callbacks.mlflow.enabled=false", env=settings())
    wait_for_jobs(sweep, 2)
    victim = running(trials_of(sweep))[1]
    os.kill(victim.user_attrs["worker"]["pid"], signal.SIGTERM)
    wait_for(lambda: "lost" in trials_of(sweep)[victim.number].user_attrs, 30, "the trial to be put back")
    gate.touch()
    output = search.communicate(timeout=90)[0]
    assert search.returncode == 0, output
    trials = trials_of(sweep)
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETE: 6, TrialState.FAIL: 1}
    (again,) = [trial for trial in finished(trials) if trial.user_attrs.get("retry_of") == victim.number]
    assert again.params == victim.params


def test_search_on_a_cluster_writes_where_the_command_was_given(
    run_app: RunApp, cluster: RayCluster, tmp_path: Path
) -> None:
    small = ("dataset=iris", "model=logistic_regression", "n_trials=4", "n_jobs=2", "study_name=search")
    address = {"RAY_ADDRESS": cluster.address}
    done = run_app("train.py", "--multirun", "hydra/launcher=ray_cluster", *small, env=settings() | address)
    assert done.returncode == 0, done.stdout + done.stderr
    sweep = tmp_path / "multirun/search"
    assert states(trials_of(sweep)) == dict.fromkeys(range(4), "COMPLETE")
    assert all((sweep / f"{number}/metrics.json").exists() for number in range(4))
    assert (sweep / "report.html").exists()
    assert Recorded(tmp_path).statuses() == {f"trial-{i}": "FINISHED" for i in range(4)}
    assert not (cluster.folder / "multirun").exists(), "nothing is left where the nodes were started"


# The last one: it leaves the cluster with one node.
def test_search_survives_the_death_of_a_node(
    start_app: StartApp, cluster: RayCluster, tmp_path: Path, sweep: Path
) -> None:
    gate = tmp_path / "gate"
    on_cluster = launcher(address=cluster.address, num_cpus=None, object_store_memory=None)
    arguments = [*SEARCH, *on_cluster, "hydra.sweeper.n_trials=8", f"wait_for={gate}"]
    search = start_app("tracked.py", *arguments, env=settings())
    wait_for_jobs(sweep, 2)
    on_second = {process.pid for process in cluster.processes(1)}
    (victim,) = [trial for trial in running(trials_of(sweep)) if trial.user_attrs["worker"]["pid"] in on_second]
    cluster.kill(1)
    wait_for(lambda: "lost" in trials_of(sweep)[victim.number].user_attrs, 30, "the trial to be put back")
    gate.touch()
    output = search.communicate(timeout=90)[0]
    assert search.returncode == 0, output
    trials = trials_of(sweep)
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETE: 8, TrialState.FAIL: 1}
    (again,) = [trial for trial in finished(trials) if trial.user_attrs.get("retry_of") == victim.number]
    assert again.params == victim.params
    expected = {f"trial-{trial.number}": "FINISHED" for trial in finished(trials)}
    assert Recorded(tmp_path).statuses() == expected | {f"trial-{victim.number}": "KILLED"}


@pytest.mark.skipif(os.getuid() != 0, reason="hiding a folder from a process needs root")
def test_node_that_does_not_see_the_sweep_directory_is_told_in_one_message(
    run_app: RunApp, tmp_path: Path, sweep: Path
) -> None:
    cluster = RayCluster()
    try:
        cluster.start(hidden=tmp_path)
        on_cluster = launcher(address=cluster.address, num_cpus=None, object_store_memory=None)
        done = run_app("tracked.py", *SEARCH, *on_cluster, "hydra.sweeper.n_trials=4", env=settings())
    finally:
        cluster.stop()
    assert done.returncode == 1, done.stdout
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("hydra.sweep.dir: must be on a disk that all workers share") and str(sweep) in message
    assert "Traceback" not in done.stdout + done.stderr
    assert "Stopped. To go on: " in done.stdout and "Interrupted" not in done.stdout
    assert not any(trial.state.is_finished() for trial in trials_of(sweep)), "no trial was begun"
