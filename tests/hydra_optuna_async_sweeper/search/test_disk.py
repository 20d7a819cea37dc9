"""What stays of a search's checkpoints and jobs' files: nothing is removed that somebody may still need."""

from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_optuna_async_sweeper.search._confirm import Confirmation
from hydra_plugins.hydra_optuna_async_sweeper.search._disk import Disk
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.results import Attempt, save_result
from tests.searches import made_up
from tests.sweeps import made_up_search

OWNER = Owner("here", 1, 2.0)
HELD = {"worker": OWNER.as_attribute()}
COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL
RUNNING, WAITING = TrialState.RUNNING, TrialState.WAITING


def trial(number: int, value: float | None = None, state: TrialState | None = None, **attributes: Any) -> FrozenTrial:
    values = None if value is None else [value]
    if state is None:
        state = FAIL if value is None else COMPLETE
    made = made_up(number, state, values=values, **({"checkpoints_in": str(number)} | attributes))
    made.user_attrs |= HELD
    return made


def with_checkpoints(folder: Path, trials: list[FrozenTrial]) -> None:
    for one in trials:
        (folder / "checkpoints" / one.user_attrs["checkpoints_in"]).mkdir(parents=True, exist_ok=True)
        (folder / "checkpoints" / one.user_attrs["checkpoints_in"] / "state").touch()


def left_in(folder: Path) -> set[str]:
    return {path.name for path in (folder / "checkpoints").iterdir()}


def test_checkpoints_of_the_best_stay_and_of_all_that_may_go_on(tmp_path: Path) -> None:
    trials = [
        trial(0, 0.5), trial(1, 0.9), trial(2, 0.7, PRUNED), trial(3), trial(4, state=RUNNING),
        trial(5, state=WAITING, checkpoints_in="5"), trial(6, lost="worker lost"),
        trial(7, lost="worker lost"), trial(8, state=WAITING, retry_of=7, retries=1, checkpoints_in="7"),
        trial(9, lost="worker lost"), trial(10, 0.1, retry_of=9, retries=1, checkpoints_in="9"),
        trial(11, lost="worker lost", retries=1),
    ]  # fmt: skip
    with_checkpoints(tmp_path, trials)
    disk = Disk(made_up_search(tmp_path, keep_checkpoints=1))
    disk.finish(trials)
    assert left_in(tmp_path) == {"1", "4", "5", "6", "7"}
    disk.finish(trials)
    Disk(made_up_search(tmp_path, keep_checkpoints=0)).finish(trials)
    assert left_in(tmp_path) == {"4", "5", "6", "7"}


def test_removal_that_was_cut_short_is_ended_by_the_next(tmp_path: Path) -> None:
    trials = [trial(0, 0.5), trial(1, 0.9)]
    with_checkpoints(tmp_path, trials)
    (tmp_path / "checkpoints/.0.removed/deep").mkdir(parents=True)
    Disk(made_up_search(tmp_path, keep_checkpoints=1)).finish(trials)
    assert left_in(tmp_path) == {"1"}


def test_front_stays_whole_until_the_end_and_trials_that_will_be_confirmed_too(tmp_path: Path) -> None:
    two = [trial(n) for n in range(3)]
    for one, values in zip(two, ([1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]), strict=True):
        one.state, one.values = COMPLETE, values
    with_checkpoints(tmp_path, two)
    front = made_up_search(tmp_path, directions=("maximize", "maximize"), metrics=("a", "b"), keep_checkpoints=1)
    Disk(front)._clear(two, is_over=False)
    assert left_in(tmp_path) == {"0", "1"}
    Disk(front).finish(two)
    assert left_in(tmp_path) == {"0"}

    ranked = [trial(n, 1.0 - n, params={"x": n}) for n in range(3)]
    with_checkpoints(tmp_path, ranked)
    confirmed = made_up_search(tmp_path, confirmation=Confirmation(2, ("seed=1",)), keep_checkpoints=1)
    Disk(confirmed)._clear(ranked, is_over=False)
    assert left_in(tmp_path) == {"0", "1"}
    runs = [
        trial(3 + n, value, confirms={"trial": n, "override": "seed=1"}, checkpoints_in=str(3 + n))
        for n, value in enumerate((0.1, 0.2))
    ]
    Disk(confirmed).finish([*ranked, *runs])
    assert left_in(tmp_path) == {"1"}


def test_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    kept = tmp_path / "elsewhere"
    kept.mkdir()
    (kept / "precious").touch()
    trials = [trial(0, 0.5), trial(1, 0.4)]
    with_checkpoints(tmp_path, trials[:1])
    (tmp_path / "checkpoints/0/link").symlink_to(kept)
    (tmp_path / "checkpoints/1").symlink_to(kept)
    (tmp_path / "0").mkdir()
    (tmp_path / "0/link").symlink_to(kept)
    (tmp_path / "1").symlink_to(kept)
    Disk(made_up_search(tmp_path, keep_checkpoints=0, keep_artifacts=0)).finish(trials)
    assert left_in(tmp_path) == set() and not list((tmp_path / "0").iterdir())
    assert (kept / "precious").exists()


@pytest.mark.parametrize("name", ["../precious", "/precious", "", ".", "0/../../precious"])
def test_name_that_no_search_has_given_removes_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "checkpoints/5").mkdir(parents=True)
    Disk(made_up_search(tmp_path, keep_checkpoints=0)).finish([trial(0, 0.5, checkpoints_in=name)])
    assert (tmp_path / "precious").exists() and left_in(tmp_path) == {"5"}


def job(folder: Path, *names: str) -> Path:
    for name in (".hydra/overrides.yaml", "metrics.json", "dataset.json", "train.log", ".mlflow_run.json", *names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


RECORDS = {".hydra/overrides.yaml", "metrics.json", "dataset.json", "train.log", ".mlflow_run.json"}


def test_records_stay_of_every_job_and_all_of_the_best(tmp_path: Path) -> None:
    trials = [trial(0, 0.9), trial(1, 0.5), trial(2, 0.7, PRUNED), trial(3), trial(4, state=RUNNING), trial(5, 0.1)]
    for one in trials:
        job(tmp_path / str(one.number), "model.bin", "plots/a.png")
    save_result(tmp_path / "1", [0.5], Attempt(OWNER, 1))
    save_result(tmp_path / "5", [0.1], Attempt(OWNER, 99))  # of another study: not this trial's
    Disk(made_up_search(tmp_path, keep_artifacts=1)).finish(trials)
    whole = RECORDS | {"model.bin", "plots/a.png"}
    assert [files(tmp_path / str(n)) for n in range(6)] == [
        whole, RECORDS | {".result.json"}, RECORDS, RECORDS, whole, whole | {".result.json"}
    ]  # fmt: skip


@pytest.mark.parametrize("place", [".", "..", "../other", "checkpoints"])
def test_directory_that_is_no_jobs_own_is_left_alone(tmp_path: Path, place: str) -> None:
    sweep = tmp_path / "sweep"
    job(sweep / place, "report.html")
    Disk(made_up_search(sweep, keep_artifacts=0)).finish([trial(0, 0.5, job_dir=place)])
    assert (sweep / place / "report.html").exists()


def test_jobs_directory_inside_another_ones_stays(tmp_path: Path) -> None:
    trials = [trial(0, 0.5, job_dir="x=a"), trial(1, 0.9, job_dir="x=a/b")]
    job(tmp_path / "x=a", "model.bin", "plots/a.png")
    job(tmp_path / "x=a/b", "model.bin")
    Disk(made_up_search(tmp_path, keep_artifacts=1)).finish(trials)
    assert files(tmp_path / "x=a/b") == RECORDS | {"model.bin"}
    assert files(tmp_path / "x=a") == RECORDS | {f"b/{name}" for name in files(tmp_path / "x=a/b")}
