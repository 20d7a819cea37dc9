"""A tracking server far away, or that loses answers: no trial waits for it, and all arrives, once."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import MLflowServer, RunApp, environment
from tests.distance import distant, forgetful
from tests.recorded import Recorded
from tests.studies import trials_of

pytestmark = pytest.mark.slow
SECONDS_AWAY = 0.4
SEARCH = ("--config-name=asynchronous", "--multirun", "hydra.sweeper.n_trials=8", "steps=2")


def far(server: MLflowServer) -> str:
    return f"hydra.callbacks.mlflow.tracking_uri=http://127.0.0.1:{distant(server.port, SECONDS_AWAY)}"


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_trials_do_not_wait_for_the_server_and_all_of_them_arrives(
    run_app: RunApp, tmp_path: Path, mlflow_server: MLflowServer, n_jobs: int
) -> None:
    jobs = [f"hydra.sweeper.n_jobs={n_jobs}", "hydra/launcher=joblib"]
    done = run_app("tracked.py", *SEARCH, far(mlflow_server), *jobs)
    assert done.returncode == 0 and "WARNING" not in done.stdout and "Connection pool" not in done.stdout, done.stdout
    trials = trials_of(tmp_path / "multirun/search")
    ran = [(trial.datetime_complete - trial.datetime_start).total_seconds() for trial in trials]  # type: ignore[operator]
    assert len(ran) == 8 and sum(ran) / 8 < SECONDS_AWAY, "not so long as a single request, of which each takes eight"
    recorded = Recorded(mlflow_server.uri)
    assert recorded.statuses() == {f"trial-{i}": "FINISHED" for i in range(8)}
    for trial in trials:
        run = recorded.children[f"trial-{trial.number}"]
        assert run.data.metrics["score"] == trial.value and run.data.params["x"] == str(trial.params["x"])
        assert [metric.step for metric in recorded.client.get_metric_history(run.info.run_id, "score")] == [0, 1, 1]
        assert {".hydra/config.yaml", "tracked.log"} <= set(recorded.artifacts(run))
    assert recorded.parent.info.status == "FINISHED"


def test_server_that_is_waited_for_is_named_in_the_log_once(run_app: RunApp, mlflow_server: MLflowServer) -> None:
    uri = f"http://127.0.0.1:{distant(mlflow_server.port, 1.2)}"
    done = run_app("tracked.py", *SEARCH, f"hydra.callbacks.mlflow.tracking_uri={uri}", "hydra.sweeper.n_trials=1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"Connecting to MLflow at {uri} ...") == 1, done.stdout


def test_job_that_writes_to_mlflow_writes_into_its_own_run(
    run_app: RunApp, tmp_path: Path, mlflow_server: MLflowServer
) -> None:
    done = run_app("tracked.py", *SEARCH, far(mlflow_server), "use_mlflow=true", "hydra.sweeper.n_trials=3")
    assert done.returncode == 0, done.stderr
    for name, run in Recorded(mlflow_server.uri).children.items():
        assert run.data.metrics["from_the_job"] == run.data.metrics["score"], name
        assert f"run {run.info.run_id}" in done.stdout


def test_delivery_that_takes_too_long_is_left_with_the_command_that_completes_it(
    run_app: RunApp, tmp_path: Path, mlflow_server: MLflowServer
) -> None:
    short = ["hydra.callbacks.mlflow.delivery_timeout=0.1", "hydra.sweeper.n_trials=24"]
    done = run_app("tracked.py", *SEARCH, far(mlflow_server), *short)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "hydra.callbacks.mlflow.delivery_timeout: 0.1 s were not enough" in done.stderr
    assert "of 24 jobs are not up to date" in done.stderr
    recorded = Recorded(mlflow_server.uri)
    assert recorded.parent.info.status == "FINISHED" and len(recorded.children) < 24
    later = [sys.executable, "-m", "hydra_plugins.hydra_mlflow_callback", str(tmp_path / "multirun/search")]
    assert " ".join(later[1:]) in done.stderr
    subprocess.run(later, env=environment(), check=True, capture_output=True)
    assert Recorded(mlflow_server.uri).statuses() == {f"trial-{i}": "FINISHED" for i in range(24)}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_run_whose_making_is_not_answered_is_there_once_in_the_end(
    run_app: RunApp, mlflow_server: MLflowServer, n_jobs: int
) -> None:
    port = forgetful(mlflow_server.port, b"/mlflow/runs/create")
    uri = f"hydra.callbacks.mlflow.tracking_uri=http://127.0.0.1:{port}"
    done = run_app("tracked.py", *SEARCH, uri, f"hydra.sweeper.n_jobs={n_jobs}", "hydra/launcher=joblib")
    assert done.returncode == 0, done.stderr
    recorded = Recorded(mlflow_server.uri)
    kept = [run for run in recorded.runs if run.info.lifecycle_stage == "active"]
    assert sorted(str(run.info.run_name) for run in kept) == sorted(["search", *(f"trial-{i}" for i in range(8))])
    assert {run.info.status for run in kept} == {"FINISHED"} and len(kept) < len(recorded.runs), "some were made twice"
