"""What a search leaves on the disk and in MLflow's store, where only that of its best trials is kept."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial

from tests.conftest import ROOT, RunApp, StartApp, environment, wait_for
from tests.recorded import Recorded
from tests.studies import finished, running, trials_of
from tests.tracked import NO_MLFLOW, joblib, n_trials, wait_for_jobs

pytestmark = pytest.mark.slow

slow = pytest.mark.slow

TRAINING = ("checkpointed.py", "--multirun", "epochs=3")
SQLITE = "hydra.sweeper.storage=sqlite:///study.db"
LARGE = {"model.bin", "plots/curve.png"}


def best_of(trials: list[FrozenTrial], number: int) -> set[str]:
    ranked = sorted(finished(trials), key=lambda trial: (trial.value, trial.number))
    return {str(trial.number) for trial in ranked[:number]}


def checkpoints_in(sweep: Path) -> set[str]:
    return {path.name for path in (sweep / "checkpoints").iterdir()}


def jobs_with_files(sweep: Path) -> set[str]:
    found = {path.name for path in sweep.iterdir() if LARGE & files_of(path)}
    assert all(files_of(sweep / name) >= LARGE for name in found)
    return found


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@slow
@pytest.mark.parametrize("storage", [[], [SQLITE]], ids=["journal", "sqlite"])
def test_checkpoints_of_the_best_are_kept_also_when_the_search_goes_on(
    run_app: RunApp, tmp_path: Path, sweep: Path, storage: list[str]
) -> None:
    where: Path | str = f"sqlite:///{tmp_path}/study.db" if storage else sweep
    for total, kept in ((5, 2), (8, 2), (8, 1), (8, 0)):
        own = [NO_MLFLOW, n_trials(total), f"hydra.sweeper.keep_checkpoints={kept}", *storage]
        done = run_app(*TRAINING, *own)
        assert done.returncode == 0, done.stdout + done.stderr
        best = best_of(trials_of(where), kept)
        assert checkpoints_in(sweep) <= best if total > 5 else checkpoints_in(sweep) == best


@slow
def test_checkpoints_are_removed_while_the_search_runs_but_never_of_what_runs_or_is_requeued(
    start_app: StartApp, tmp_path: Path, sweep: Path
) -> None:
    gate = tmp_path / "gate"
    own = [NO_MLFLOW, n_trials(4), "hydra.sweeper.keep_checkpoints=0", *joblib(2)]
    search = start_app(*TRAINING, f"gate={gate}", *own)
    wait_for_jobs(sweep, 2)
    first, _ = running(trials_of(sweep))
    os.kill(first.user_attrs["worker"]["pid"], signal.SIGKILL)
    wait_for(lambda: len(list(sweep.glob("*/waiting"))) == 3, 60, "a worker in place of the killed one")
    assert {"0", "1"} <= checkpoints_in(sweep)
    gate.touch()
    output = search.communicate(timeout=120)[0]
    assert search.returncode == 0, output
    assert len(finished(trials_of(sweep))) == 4 and checkpoints_in(sweep) == set()
    epochs = [line.split()[1] for line in (tmp_path / "epochs.txt").read_text().splitlines()]
    assert sorted(epochs) == sorted(["0", "1", "2"] * 4), "no epoch was run anew"


@slow
@pytest.mark.parametrize("keep", ["best 2", "none", "all"])
def test_files_of_the_best_are_kept_in_directories_and_in_mlflow_and_records_of_all(
    run_app: RunApp, tmp_path: Path, sweep: Path, keep: str
) -> None:
    number = {"best 2": 2, "none": 0, "all": 9}[keep]
    own = [f"hydra.sweeper.keep_artifacts={keep}", "hydra.sweeper.report=true"]
    done = run_app(*TRAINING, *own, n_trials(4))
    assert done.returncode == 0, done.stdout + done.stderr
    first = best_of(trials_of(sweep), number)
    assert jobs_with_files(sweep) == first
    done = run_app(*TRAINING, *own, n_trials(6))
    assert done.returncode == 0, done.stdout + done.stderr
    trials = trials_of(sweep)
    best = best_of(trials, number)
    assert jobs_with_files(sweep) == first & best | best & {"4", "5"}
    recorded = Recorded(tmp_path)
    stored = {name: recorded.artifacts(run) for name, run in recorded.children.items()}
    assert {name.removeprefix("trial-") for name, found in stored.items() if found >= LARGE} == first | best
    assert all(bool(found) == (name.removeprefix("trial-") in first | best) for name, found in stored.items())
    for trial in trials:
        run = recorded.children[f"trial-{trial.number}"]
        assert run.info.status == "FINISHED" and run.data.metrics["loss"] == trial.value and run.data.params["lr"]
        records = {".hydra/config.yaml", ".hydra/overrides.yaml", "metrics.json", "checkpointed.log", ".result.json"}
        assert files_of(sweep / str(trial.number)) >= records
    assert "report.html" in recorded.artifacts(recorded.parent) and (sweep / "best.txt").exists()

    again = [sys.executable, "-W", "ignore", "-m", "hydra_plugins.hydra_mlflow_callback", str(sweep)]
    subprocess.run(again, cwd=tmp_path, env=environment({"PYTHONPATH": str(ROOT)}), check=True, timeout=240)
    recorded = Recorded(tmp_path)
    assert {name: recorded.artifacts(run) for name, run in recorded.children.items()} == stored


@slow
@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "hydra.sweeper.keep_artifacts=best 0",
            "hydra.sweeper.keep_artifacts: must be all, none, or best and a number",
        ),
        ("hydra.sweeper.keep_checkpoints=-1", "hydra.sweeper.keep_checkpoints: must be 0 or more, got -1. Set"),
        (
            "hydra.callbacks.mlflow.keep_artifacts=5",
            "hydra.callbacks.mlflow.keep_artifacts: must be all, none, or best",
        ),
    ],
)
def test_setting_that_makes_no_sense_is_refused_in_one_line(
    run_app: RunApp, tmp_path: Path, override: str, message: str
) -> None:
    done = run_app(*TRAINING, override)
    assert done.returncode == 1 and message in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


@slow
def test_more_in_mlflow_than_on_the_disk_and_best_without_a_direction_are_refused(run_app: RunApp) -> None:
    wide = ("hydra.sweeper.keep_artifacts=best 2", "hydra.callbacks.mlflow.keep_artifacts=best 3")
    done = run_app(*TRAINING, *wide)
    assert done.returncode == 1 and "must not be more than is kept in the jobs' directories" in done.stderr
    done = run_app(*TRAINING, "hydra.sweeper.keep_artifacts=best 2", "hydra.callbacks.mlflow.direction=null")
    assert done.returncode == 1 and "needs a direction, to know which are the best, got best 2" in done.stderr


@slow
def test_another_sweeper_has_the_files_of_the_best_in_mlflow_alone(run_app: RunApp, tmp_path: Path) -> None:
    of_mlflow = ["hydra/callbacks=mlflow", "hydra.callbacks.mlflow.metric=loss"]
    keep = ["hydra.callbacks.mlflow.direction=minimize", "hydra.callbacks.mlflow.keep_artifacts=best 1"]
    own = ["--config-name=basic", *of_mlflow, *keep, "lr=0.01,0.1,0.05"]
    done = run_app(*TRAINING, *own)
    assert done.returncode == 0, done.stdout + done.stderr
    recorded = Recorded(tmp_path)
    runs = recorded.children
    best = min(runs, key=lambda name: runs[name].data.metrics["loss"])
    assert {name for name, run in runs.items() if recorded.artifacts(run)} == {best}
    assert len(list(tmp_path.glob("multirun/search/*/model.bin"))) == 3


@slow
def test_model_of_the_best_alone_is_kept_and_logged(run_app: RunApp, tmp_path: Path) -> None:
    own = (
        "dataset=iris",
        "model=logistic_regression",
        "save_model=true",
        "n_trials=3",
        "n_jobs=1",
        "study_name=search",
    )
    keep = ("hydra.sweeper.keep_artifacts=best 1", "hydra/launcher=basic")
    done = run_app("train.py", "--multirun", *own, *keep)
    assert done.returncode == 0, done.stdout + done.stderr
    sweep, runs = tmp_path / "multirun/search", Recorded(tmp_path).children
    (kept,) = [name for name, run in runs.items() if run.outputs and run.outputs.model_outputs]
    assert Recorded(tmp_path).parent.data.tags["best.trial"] == kept
    (output,) = runs[kept].outputs.model_outputs
    logged = Recorded(tmp_path).client.get_logged_model(output.model_id)
    assert logged.experiment_id == runs[kept].info.experiment_id, "not the one that MLflow takes by default"
    assert [path.parent.name for path in sweep.glob("*/model.joblib")] == [kept.removeprefix("trial-")]
    assert len(list(sweep.glob("*/metrics.json"))) == len(runs) == 3
