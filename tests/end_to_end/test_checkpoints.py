"""A training that is killed on its way goes on where its checkpoint is, and ends as one that was not killed."""

import json
from collections import Counter
from pathlib import Path

import pytest
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from tests.conftest import RunApp, StartApp
from tests.studies import JOURNAL, finished, running, trials_of
from tests.tracked import NO_MLFLOW, joblib, n_trials, wait_for_jobs

pytestmark = pytest.mark.slow

slow = pytest.mark.slow

TRAINING = ("--multirun", NO_MLFLOW)
EPOCHS = 12
SQLITE = "hydra.sweeper.storage=sqlite:///study.db"


def deaths(*of: str) -> str:
    """`4 SIGKILL worker`: that signal comes in epoch 4, to the worker or to all processes."""
    each = [f"{{epoch: {epoch}, signal: {name}, of: {whom}}}" for epoch, name, whom in map(str.split, of)]
    return f"deaths=[{', '.join(each)}]"


def values_by_point(trials: list[FrozenTrial]) -> dict[float, float | None]:
    return {trial.params["lr"]: trial.value for trial in finished(trials)}


def undisturbed(run_app: RunApp, tmp_path: Path) -> dict[float, float | None]:
    """Return what the same search finds when nobody is killed, by the points of its three trials."""
    done = run_app("checkpointed.py", *TRAINING, "hydra.sweep.dir=undisturbed")
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "epochs.txt").unlink()
    return values_by_point(trials_of(tmp_path / "undisturbed"))


def epochs_kept(tmp_path: Path) -> list[tuple[int, int, str]]:
    """Return trial (-1 where there is none), epoch and directory of each checkpoint that was kept, in order."""
    lines = [line.split() for line in (tmp_path / "epochs.txt").read_text().splitlines()]
    return [(-1 if trial == "None" else int(trial), int(epoch), directory) for trial, epoch, directory in lines]


def check_no_epoch_was_run_anew(tmp_path: Path, sweep: Path, chains: int = 3) -> None:
    kept = epochs_kept(tmp_path)
    directories = {directory for _, _, directory in kept}
    assert len(directories) == chains and all(Path(one).parent == sweep / "checkpoints" for one in directories)
    assert Counter((directory, epoch) for _, epoch, directory in kept) == {
        (directory, epoch): 1 for directory in directories for epoch in range(EPOCHS)
    }


@pytest.mark.parametrize("storage", [[], pytest.param([SQLITE], marks=slow)], ids=["journal", "sqlite"])
def test_trainings_whose_workers_are_killed_end_with_the_values_of_those_that_were_not(
    run_app: RunApp, tmp_path: Path, sweep: Path, storage: list[str]
) -> None:
    expected = undisturbed(run_app, tmp_path)
    killed = deaths("4 SIGKILL worker", "5 SIGKILL worker", "9 SIGTERM worker")  # two in a row for one trial
    done = run_app("checkpointed.py", *TRAINING, killed, *storage, *joblib(2))
    assert done.returncode == 0, done.stdout + done.stderr
    trials = trials_of(f"sqlite:///{tmp_path}/study.db" if storage else sweep)
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETE: 3, TrialState.FAIL: 3}
    assert values_by_point(trials) == expected
    check_no_epoch_was_run_anew(tmp_path, sweep)
    *_, (_, _, directory) = epochs_kept(tmp_path)
    assert json.loads(Path(directory, "state.json").read_text())["epoch"] == EPOCHS - 1


@slow
def test_training_goes_on_when_the_whole_search_is_killed_and_the_same_command_is_given_again(
    run_app: RunApp, tmp_path: Path, sweep: Path
) -> None:
    expected = undisturbed(run_app, tmp_path)
    command = ("checkpointed.py", *TRAINING, deaths("3 SIGKILL all", "7 SIGKILL all", "8 SIGTERM all"), *joblib(1))
    codes = [run_app(*command).returncode for _ in range(4)]
    assert codes[:2] == [-9, -9] and codes[2] and codes[3] == 0, codes
    assert values_by_point(trials_of(sweep)) == expected
    check_no_epoch_was_run_anew(tmp_path, sweep)


@slow
def test_training_whose_retries_are_used_up_has_failed_and_goes_on_when_more_are_allowed(
    run_app: RunApp, tmp_path: Path, sweep: Path
) -> None:
    expected = undisturbed(run_app, tmp_path)
    killed = deaths("2 SIGKILL worker", "3 SIGKILL worker")
    command = ("checkpointed.py", *TRAINING, killed, *joblib(1), "hydra.sweeper.max_failure_rate=1")
    done = run_app(*command, "hydra.sweeper.max_retries=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(values_by_point(trials_of(sweep))) == 2
    done = run_app(*command, "hydra.sweeper.max_retries=2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert values_by_point(trials_of(sweep)) == expected
    check_no_epoch_was_run_anew(tmp_path, sweep)


def storage_of(where: Path) -> BaseStorage:
    if where.suffix == ".db":
        return RDBStorage(f"sqlite:///{where}")
    return JournalStorage(JournalFileBackend(str(where / JOURNAL)))


@slow
@pytest.mark.parametrize("storage", [[], [SQLITE]], ids=["journal", "sqlite"])
def test_job_that_was_taken_for_lost_ends_before_it_writes_over_its_successor(
    start_app: StartApp, tmp_path: Path, sweep: Path, storage: list[str]
) -> None:
    gate = tmp_path / "gate"
    search = start_app("checkpointed.py", *TRAINING, n_trials(1), f"gate={gate}", *storage, *joblib(2))
    wait_for_jobs(sweep, 1)
    study = storage_of(tmp_path / "study.db" if storage else sweep)
    (late,) = running(trials_of(f"sqlite:///{tmp_path}/study.db" if storage else sweep))
    study.set_trial_user_attr(late._trial_id, "lost", "worker lost")
    study.set_trial_state_values(late._trial_id, TrialState.FAIL)
    before = (sweep / "checkpoints/0/state.json").stat().st_mtime_ns
    gate.touch()
    output = search.communicate(timeout=60)[0]
    assert search.returncode == 0, output
    kept = epochs_kept(tmp_path)
    assert [(trial, epoch) for trial, epoch, _ in kept[-2:]] == [(0, EPOCHS - 2), (1, EPOCHS - 1)]
    assert (sweep / "checkpoints/0/state.json").stat().st_mtime_ns > before
    check_no_epoch_was_run_anew(tmp_path, sweep, chains=1)


@slow
def test_checkpoint_that_another_study_has_left_under_the_same_number_is_not_gone_on_from(
    run_app: RunApp, tmp_path: Path, sweep: Path
) -> None:
    for number in (0, 1):
        folder = sweep / f"checkpoints/{number}"
        folder.mkdir(parents=True)
        (folder / "state.json").write_text("another study's")
    done = run_app("checkpointed.py", *TRAINING, deaths("4 SIGKILL worker"), *joblib(1))
    assert done.returncode == 0, done.stdout + done.stderr
    check_no_epoch_was_run_anew(tmp_path, sweep)
    assert {Path(directory).name for _, _, directory in epochs_kept(tmp_path)} == {"0-2", "1-2", "2"}
    assert (sweep / "checkpoints/0/state.json").read_text() == "another study's"


@slow
def test_runs_that_confirm_a_training_do_not_go_on_from_its_checkpoint(
    run_app: RunApp, tmp_path: Path, sweep: Path
) -> None:
    confirm = "hydra.sweeper.confirm={top: 1, key: epochs, values: [6, 7]}"
    done = run_app("checkpointed.py", *TRAINING, n_trials(2), confirm)
    assert done.returncode == 0, done.stdout + done.stderr
    by_trial = Counter(trial for trial, _, _ in epochs_kept(tmp_path))
    assert by_trial == {0: EPOCHS, 1: EPOCHS, 2: 6, 3: 7}
    assert len({directory for _, _, directory in epochs_kept(tmp_path)}) == 4


@slow
@pytest.mark.parametrize("sweeper", ["none", "basic"])
def test_checkpoints_of_a_job_outside_our_search_lie_in_its_own_directory(
    run_app: RunApp, tmp_path: Path, sweeper: str
) -> None:
    own = ["hydra.run.dir=once"] if sweeper == "none" else ["--multirun", "lr=0.01,0.02"]
    done = run_app("checkpointed.py", "--config-name=basic", *own)
    assert done.returncode == 0, done.stdout + done.stderr
    expected = ["once"] if sweeper == "none" else ["multirun/search/0", "multirun/search/1"]
    assert sorted({directory for _, _, directory in epochs_kept(tmp_path)}) == [f"{tmp_path}/{one}" for one in expected]
