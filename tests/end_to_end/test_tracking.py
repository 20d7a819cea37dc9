"""What a search leaves in MLflow, whatever sweeps and launches it."""

import json
from pathlib import Path

import pytest

from tests.conftest import RunApp
from tests.recorded import Recorded

SWEEPS = {
    "optuna": (),
    "grid": ("hydra/sweeper/sampler=grid", "hydra.sweeper.params={x: 'choice(0.1, 0.2, 0.3, 0.4)'}"),
    "basic": ("--config-name=basic", "x=0.1,0.2,0.3,0.4"),
}


@pytest.mark.parametrize(
    ("sweep", "launcher"),
    [
        ("optuna", "basic"),
        pytest.param("optuna", "joblib", marks=pytest.mark.slow),
        pytest.param("grid", "basic", marks=pytest.mark.slow),
        pytest.param("basic", "basic", marks=pytest.mark.slow),
        pytest.param("basic", "joblib", marks=pytest.mark.slow),
    ],
)
def test_every_job_is_a_nested_run_of_its_number(run_app: RunApp, tmp_path: Path, sweep: str, launcher: str) -> None:
    parallel = ["hydra.launcher.n_jobs=2"] if launcher == "joblib" else []
    arguments = [*SWEEPS[sweep], f"hydra/launcher={launcher}", *parallel]
    done = run_app("tracked.py", "--multirun", *arguments, "use_mlflow=true", "steps=2")
    assert done.returncode == 0, done.stdout + done.stderr

    recorded = Recorded(tmp_path)
    assert recorded.parent.info.run_name == "search"
    assert recorded.parent.info.status == "FINISHED"
    assert recorded.statuses() == {f"trial-{i}": "FINISHED" for i in range(4)}
    best = 0.0
    for i in range(4):
        run = recorded.children[f"trial-{i}"]
        x = run.data.metrics["score"]
        best = max(best, x)
        assert float(run.data.params["x"]) == pytest.approx(x)
        assert run.data.metrics["from_the_job"] == pytest.approx(x), (
            "mlflow.log_metric of a job landed in another's run"
        )
        assert run.info.end_time >= run.info.start_time
        curve = recorded.client.get_metric_history(run.info.run_id, "score")
        assert [(m.step, pytest.approx(m.value)) for m in curve[:2]] == [(0, x), (1, x + 1)]
        files = recorded.artifacts(run)
        assert {".hydra/config.yaml", ".hydra/config_resolved.yaml", ".hydra/overrides.yaml", "tracked.log"} <= files
        record = json.loads((tmp_path / "multirun/search" / str(i) / ".mlflow_run.json").read_text())
        assert record["run_id"] == run.info.run_id
        assert run.data.tags["study_name"] == "search" and run.data.tags["kind"] == "plain"
        assert (run.data.metrics["trial_number"], run.data.metrics["duration_seconds"] > 0) == (i, True)
    assert not {"study_name", "kind"} & recorded.parent.data.tags.keys(), "a filter by them must drop the parent"
    curve = recorded.client.get_metric_history(recorded.parent.info.run_id, "best_score")
    assert [point.step for point in curve] == [1, 2, 3, 4]
    assert [point.value for point in curve] == sorted(point.value for point in curve)
    assert recorded.parent.data.metrics["best_score"] == best
    best_run = recorded.parent.data.tags["best.run_id"]
    assert f"/runs/{best_run})" in recorded.parent.data.tags["mlflow.note.content"]
    assert recorded.parent.data.params["best_x"] in {run.data.params["x"] for run in recorded.children.values()}
    found = Path(recorded.client.download_artifacts(recorded.parent.info.run_id, "best_trial.txt")).read_text()
    assert f"Best trial: {recorded.parent.data.tags['best.trial']}, score: {best:.6g}" in found
    assert found.splitlines()[0] == "Jobs: 4 finished, 0 failed, 0 killed" and found.splitlines()[0] in done.stdout
    assert "Best trial: " not in done.stdout, "that is for the sweeper to say"
    assert f"mlflow ui --backend-store-uri sqlite:///{tmp_path}/mlflow.db" in done.stdout, "from any folder"


@pytest.mark.slow
def test_what_a_command_fixed_is_not_taken_for_searched_nor_after_a_resume_without_it(
    run_app: RunApp, tmp_path: Path
) -> None:
    search = ("tracked.py", "--multirun", "--config-name=asynchronous")
    first = run_app(
        *search, "hydra.sweeper.n_trials=2", "seconds=0.01", "+extra=3", "hydra.sweeper.enqueue=[{x: 0.999}]"
    )
    assert first.returncode == 0, first.stderr
    again = run_app(*search, "hydra.sweeper.n_trials=3", "hydra.sweeper.on_mismatch=warn")
    assert again.returncode == 0, again.stderr
    recorded = Recorded(tmp_path)
    assert recorded.parent.data.tags["best.trial"] == "trial-0", "the best one is of the first command"
    x = recorded.children["trial-0"].data.params["x"]
    found = Path(recorded.client.download_artifacts(recorded.parent.info.run_id, "best_trial.txt")).read_text()
    assert f"Best parameters: x={x}\n" in found
    assert {key for key in recorded.parent.data.params if key.startswith("best_")} == {"best_x"}


@pytest.mark.slow
def test_single_run_is_a_plain_run_with_its_files(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app("tracked.py", "x=0.25", f"long_text={'y' * 9000}", "use_mlflow=true")
    assert done.returncode == 0, done.stderr
    (run,) = Recorded(tmp_path).runs
    assert (run.info.status, run.data.metrics["score"], run.data.params["x"]) == ("FINISHED", 0.25, "0.25")
    assert run.data.metrics["from_the_job"] == 0.25
    assert len(run.data.params["long_text"]) == 6000
    assert "mlflow.parentRunId" not in run.data.tags


@pytest.mark.slow
def test_environment_names_the_store_and_the_experiment(run_app: RunApp, tmp_path: Path) -> None:
    env = {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/other/mlflow.db", "MLFLOW_EXPERIMENT_NAME": "from the shell"}
    done = run_app("tracked.py", "--multirun", "hydra.sweeper.n_trials=1", env=env)
    assert done.returncode == 0, done.stderr
    recorded = Recorded(tmp_path / "other")
    assert recorded.client.get_experiment_by_name("from the shell").experiment_id == recorded.parent.info.experiment_id
    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.slow
def test_run_id_left_in_the_environment_is_not_written_to(run_app: RunApp, tmp_path: Path) -> None:
    run_app("tracked.py")
    (before,) = Recorded(tmp_path).runs
    done = run_app("tracked.py", "x=0.9", "use_mlflow=true", env={"MLFLOW_RUN_ID": before.info.run_id})
    assert done.returncode == 0, done.stderr
    recorded = Recorded(tmp_path)
    assert len(recorded.runs) == 2
    assert recorded.client.get_run(before.info.run_id).to_dictionary() == before.to_dictionary()


@pytest.mark.slow
def test_tracking_off_leaves_no_trace(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app("tracked.py", "--multirun", "hydra.callbacks.mlflow.enabled=false", "hydra.sweeper.n_trials=2")
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob(".mlflow*")) and not (tmp_path / "mlflow.db").exists()


@pytest.mark.slow
def test_system_metrics_that_are_wished_are_those_of_the_job(run_app: RunApp, tmp_path: Path) -> None:
    wished = {"MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "true", "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "0.2"}
    search = ["--config-name=asynchronous", "--multirun", "hydra.sweeper.n_trials=2", "seconds=1"]
    done = run_app("tracked.py", *search, env=wished | {"MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING": "1"})
    assert done.returncode == 0, done.stderr
    for name, run in Recorded(tmp_path).children.items():
        points = Recorded(tmp_path).client.get_metric_history(run.info.run_id, "system/cpu_utilization_percentage")
        assert points and all(point.timestamp <= run.info.end_time for point in points), name


def test_search_of_a_sweeper_that_ends_at_a_failed_job_is_recorded_as_failed(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app("tracked.py", "--multirun", "--config-name=basic", "x=0.1,0.2,0.3", "bad_job=1")
    assert done.returncode == 1
    recorded = Recorded(tmp_path)
    assert recorded.parent.info.status == "FAILED"
    assert recorded.statuses()["trial-0"] == "FINISHED" and recorded.statuses()["trial-1"] == "FAILED"
    assert "RUNNING" not in recorded.statuses().values()
