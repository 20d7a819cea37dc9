"""What a task writes into MLflow by itself lands in its trial's run, or below it, in the search's experiment."""

from pathlib import Path

import pytest

from tests.conftest import RunApp
from tests.recorded import Recorded

pytestmark = pytest.mark.slow

ASYNC = ("hydra/sweeper=optuna_async", "hydra/launcher=joblib", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=2")
SEARCH = ("--multirun", *ASYNC, "hydra/callbacks=mlflow", "hydra.callbacks.mlflow.metric=score", "x=interval(0,1)")
SINGLE = ("hydra/callbacks=mlflow", "hydra.callbacks.mlflow.metric=score")


def test_logger_that_is_told_the_runs_id_writes_into_the_trials_run(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app("own_mlflow.py", *SEARCH)
    assert done.returncode == 0, done.stderr
    recorded = Recorded(tmp_path)
    assert recorded.statuses() == {f"trial-{i}": "FINISHED" for i in range(3)}
    for run in recorded.children.values():
        assert run.data.metrics["loss"] == run.data.metrics["score"] == float(run.data.params["x"])


@pytest.mark.parametrize("way", ["start_run", "nested"])
def test_run_that_a_task_opens_stands_below_its_trial_in_the_same_experiment(
    run_app: RunApp, tmp_path: Path, way: str
) -> None:
    done = run_app("own_mlflow.py", *SEARCH, f"way={way}")
    assert done.returncode == 0, done.stderr
    recorded = Recorded(tmp_path)
    trials = {run.info.run_id: run for run in recorded.children.values()}
    inner = [run for run in recorded.runs if run.data.tags.get("mlflow.parentRunId") in trials]
    assert len(trials) == len(inner) == 3
    assert {run.info.status for run in [*inner, *trials.values()]} == {"FINISHED"}
    assert {run.info.experiment_id for run in inner} == {recorded.parent.info.experiment_id}
    for run in inner:
        assert run.data.metrics["loss"] == trials[run.data.tags["mlflow.parentRunId"]].data.metrics["score"]


def test_parameter_that_a_task_logs_otherwise_costs_a_warning_and_not_the_search(
    run_app: RunApp, tmp_path: Path
) -> None:
    done = run_app("own_mlflow.py", *SEARCH, "way=another_value")
    assert done.returncode == 0, done.stderr
    recorded = Recorded(tmp_path)
    assert recorded.parent.info.status == "FINISHED"
    assert recorded.statuses() == {f"trial-{i}": "FINISHED" for i in range(3)}
    assert {run.data.params["x"] for run in recorded.children.values()} == {"another"}
    assert done.stdout.count("Left out: x (") == 3


@pytest.mark.parametrize(
    ("how", "run"), [(("way=none",), "run None"), (("way=none", *SINGLE), "run ")], ids=["without mlflow", "single run"]
)
def test_id_of_the_run_is_null_without_mlflow_and_that_of_a_single_run_with_it(
    run_app: RunApp, tmp_path: Path, how: tuple[str, ...], run: str
) -> None:
    done = run_app("own_mlflow.py", *how)
    assert done.returncode == 0, done.stderr
    found = [recorded.info.run_id for recorded in Recorded(tmp_path).runs] if len(how) > 1 else [""]
    assert f"{run}{found[0]}\n" in done.stdout


@pytest.mark.parametrize(
    ("patterns", "sent"),
    [
        ("[]", {"last.ckpt", "0.bin", "notes.txt"}),
        ("['!*.ckpt', '!checkpoints/*']", {"notes.txt"}),
        ("['*.txt']", {"notes.txt"}),
    ],
)
def test_artifacts_are_those_that_fit_the_patterns(
    run_app: RunApp, tmp_path: Path, patterns: str, sent: set[str]
) -> None:
    done = run_app("own_mlflow.py", *SINGLE, f"hydra.callbacks.mlflow.artifacts={patterns}")
    assert done.returncode == 0, done.stderr
    (run,) = Recorded(tmp_path).runs
    names = {path.name for path in Path(run.info.artifact_uri.removeprefix("file://")).rglob("*") if path.is_file()}
    assert names & {"last.ckpt", "0.bin", "notes.txt"} == sent
