"""Jobs that fail, servers that die, searches that are interrupted: no run stays RUNNING, nothing is lost."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, MLflowServer, RunApp, StartApp, environment, wait_for
from tests.recorded import Recorded

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "launcher", [(), ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=2")]
)
def test_job_that_raises_is_failed_with_its_traceback_and_the_search_goes_on(
    run_app: RunApp, tmp_path: Path, launcher: tuple[str, ...]
) -> None:
    done = run_app("tracked.py", "--multirun", "bad_job=1", *launcher)
    assert done.returncode == 0, done.stderr
    recorded = Recorded(tmp_path)
    assert recorded.statuses() == {
        "trial-0": "FINISHED", "trial-1": "FAILED", "trial-2": "FINISHED", "trial-3": "FINISHED",
    }  # fmt: skip
    failed = recorded.children["trial-1"]
    assert "the job broke on purpose" in failed.data.tags["hydra.status_reason"]
    text = Path(recorded.client.download_artifacts(failed.info.run_id, "traceback.txt")).read_text()
    # cloudpickle, which brings the job to another process, keeps the line and not the name of the file.
    assert "RuntimeError: the job broke on purpose" in text and ("in main" if launcher else "tracked.py") in text
    assert recorded.parent.info.status == "FINISHED"
    assert recorded.parent.data.tags["jobs.failed"] == "1"


@pytest.mark.parametrize("bad", ["nan", "inf", "none", "text"])
def test_job_without_a_usable_result_is_failed_and_never_best(run_app: RunApp, tmp_path: Path, bad: str) -> None:
    done = run_app("tracked.py", "--multirun", "bad_job=2", f"bad={bad}")
    assert done.returncode == 0, done.stderr
    recorded = Recorded(tmp_path)
    assert recorded.statuses()["trial-2"] == "FAILED"
    assert recorded.parent.data.tags["best.trial"] != "trial-2"
    results = (tmp_path / "multirun/search/optimization_results.yaml").read_text()
    assert "inf" not in results and "nan" not in results
    finished = [run for run in recorded.children.values() if run.info.status == "FINISHED"]
    assert recorded.parent.data.metrics["best_value"] == max(run.data.metrics["score"] for run in finished)


def test_worker_that_is_killed_leaves_no_running_run(run_app: RunApp, tmp_path: Path) -> None:
    parallel = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=2")
    done = run_app("tracked.py", "--multirun", "bad_job=1", "bad=kill", *parallel)
    assert done.returncode != 0
    recorded = Recorded(tmp_path)
    assert recorded.statuses()["trial-1"] == "KILLED"
    assert "RUNNING" not in recorded.statuses().values()
    assert recorded.parent.info.status == "FAILED"


@pytest.mark.parametrize(
    "launcher", [(), ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=2")]
)
def test_ctrl_c_ends_the_search_killed_without_a_traceback(
    start_app: StartApp, tmp_path: Path, launcher: tuple[str, ...]
) -> None:
    process = start_app("tracked.py", "--multirun", f"wait_for={tmp_path}/never", *launcher)
    wait_for(lambda: (tmp_path / "multirun/search/0/waiting").exists(), 60, "the first job")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 130, output
    assert "interrupted" in output.lower()
    recorded = Recorded(tmp_path)
    assert recorded.parent.info.status == "KILLED"
    assert set(recorded.statuses().values()) <= {"KILLED"} and "trial-0" in recorded.statuses()


@pytest.mark.parametrize("config", ["asynchronous"])
def test_server_that_dies_and_comes_back_gets_every_record(
    start_app: StartApp, tmp_path: Path, mlflow_server: MLflowServer, config: str
) -> None:
    sweep = tmp_path / "multirun/search"
    process = start_app(
        "tracked.py",
        f"--config-name={config}",
        "--multirun",
        f"wait_for={tmp_path}/gate-${{hydra:job.num}}",
        f"hydra.callbacks.mlflow.tracking_uri={mlflow_server.uri}",
    )
    wait_for(lambda: (sweep / "0/waiting").exists(), 60, "the first job")
    mlflow_server.kill()
    (tmp_path / "gate-0").touch()
    (tmp_path / "gate-1").touch()
    wait_for(lambda: (sweep / "2/waiting").exists(), 120, "the third job, which starts without a server")
    mlflow_server.start()
    (tmp_path / "gate-2").touch()
    (tmp_path / "gate-3").touch()
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 0, output
    assert "recorded later" in output
    check_four_trials(Recorded(mlflow_server.uri), sweep)


@pytest.mark.parametrize("config", ["config"])
def test_server_that_stays_away_costs_no_trial_and_the_records_can_be_delivered(
    start_app: StartApp, tmp_path: Path, mlflow_server: MLflowServer, config: str
) -> None:
    sweep, gate = tmp_path / "multirun/search", tmp_path / "gate"
    process = start_app(
        "tracked.py",
        f"--config-name={config}",
        "--multirun",
        f"wait_for={gate}",
        f"hydra.callbacks.mlflow.tracking_uri={mlflow_server.uri}",
    )
    wait_for(lambda: (sweep / "0/waiting").exists(), 60, "the first job")
    mlflow_server.kill()
    gate.touch()
    output = process.communicate(timeout=180)[0]
    assert process.returncode == 1, output
    assert "Traceback" not in output
    assert re.search("Best (value|trial)", output), "the search itself must go on to its end"
    assert f"{sys.executable} -m hydra_plugins.hydra_mlflow_callback {sweep}" in output

    mlflow_server.start()
    deliver = [sys.executable, "-m", "hydra_plugins.hydra_mlflow_callback", str(sweep)]
    done = subprocess.run(deliver, cwd=ROOT, env=environment(), text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    check_four_trials(Recorded(mlflow_server.uri), sweep)
    again = subprocess.run(deliver, cwd=ROOT, env=environment(), text=True, capture_output=True, timeout=120)
    assert again.returncode == 0, again.stderr
    check_four_trials(Recorded(mlflow_server.uri), sweep)


def check_four_trials(recorded: Recorded, sweep: Path) -> None:
    assert recorded.parent.info.status == "FINISHED"
    assert recorded.statuses() == {f"trial-{i}": "FINISHED" for i in range(4)}
    for i in range(4):
        run = recorded.children[f"trial-{i}"]
        (override,) = [x for x in (sweep / f"{i}/.hydra/overrides.yaml").read_text().splitlines() if "- x=" in x]
        assert run.data.metrics["score"] == pytest.approx(float(override.partition("x=")[2]))
        assert run.data.params["x"] == str(run.data.metrics["score"])
        assert ".hydra/overrides.yaml" in recorded.artifacts(run)


def test_first_use_by_several_processes_at_once_makes_one_sound_database(start_app: StartApp, tmp_path: Path) -> None:
    processes = [start_app("tracked.py", f"x=0.{i}", f"hydra.run.dir=outputs/{i}") for i in range(1, 5)]
    for process in processes:
        output = process.communicate(timeout=120)[0]
        assert process.returncode == 0, output
        assert "UserWarning" not in output and "recorded later" not in output, output
    recorded = Recorded(tmp_path)
    assert sorted(run.data.metrics["score"] for run in recorded.runs) == [0.1, 0.2, 0.3, 0.4]
    assert {run.info.status for run in recorded.runs} == {"FINISHED"}
    assert len({run.info.experiment_id for run in recorded.runs}) == 1


def test_search_that_was_killed_before_it_noted_its_parent_run_goes_on_under_it(
    run_app: RunApp, tmp_path: Path
) -> None:
    search = ("tracked.py", "--multirun", "--config-name=asynchronous", "hydra.sweeper.n_trials=1")
    assert run_app(*search).returncode == 0
    record = tmp_path / "multirun/search/.mlflow_search.json"
    as_left = json.loads(record.read_text()) | {"run_id": ""}  # written, killed, and the run's id was never heard
    record.write_text(json.dumps(as_left))
    done = run_app(*search)
    assert done.returncode == 0, done.stderr
    assert Recorded(tmp_path).parent.info.status == "FINISHED"
