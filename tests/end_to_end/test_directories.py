"""Each job has its directory: patterns that give several the same, and what another search has left."""

from pathlib import Path

import pytest

from tests.conftest import RunApp
from tests.recorded import Recorded
from tests.studies import states, trials_of

ASYNC = "--config-name=asynchronous"
TWO_POINTS = "hydra.sweeper.params.x='choice(0.25, 0.5)'"


@pytest.mark.parametrize(
    ("config", "subdir"),
    [
        pytest.param("asynchronous", ".", marks=pytest.mark.slow),
        ("asynchronous", "jobs"),
        pytest.param("asynchronous", "${long_text}", marks=pytest.mark.slow),
        pytest.param("asynchronous", "${absent}", marks=pytest.mark.slow),
        pytest.param("basic", ".", marks=pytest.mark.slow),
        pytest.param("basic", "${size}", marks=pytest.mark.slow),
        pytest.param("config", "jobs", marks=pytest.mark.slow),
    ],
)
def test_pattern_by_which_jobs_would_overwrite_one_another_is_refused_and_nothing_made(
    run_app: RunApp, tmp_path: Path, config: str, subdir: str
) -> None:
    swept = ["x=0.1,0.2", "size=1,2"] if config == "basic" else []
    done = run_app("tracked.py", "--multirun", f"--config-name={config}", f"hydra.sweep.subdir={subdir}", *swept)
    (message,) = done.stderr.splitlines()
    assert done.returncode == 1 and message.startswith("hydra.sweep.subdir: "), done.stderr
    assert f"got {subdir}. Write ${{hydra.job.num}}" in message
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("config", ["basic", "config"])
def test_pattern_that_tells_jobs_apart_serves_every_sweeper(run_app: RunApp, tmp_path: Path, config: str) -> None:
    swept = ["x=0.1,0.2", "size=1,2"] if config == "basic" else []
    subdir = "hydra.sweep.subdir=job_${hydra.job.override_dirname}"
    done = run_app("tracked.py", "--multirun", f"--config-name={config}", subdir, *swept)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "multirun/search").glob("job_*"))) == 4
    assert Recorded(tmp_path).statuses() == {f"trial-{i}": "FINISHED" for i in range(4)}


@pytest.mark.slow
def test_trials_of_one_point_that_name_their_directory_by_it_are_kept_apart(run_app: RunApp, tmp_path: Path) -> None:
    sweep = tmp_path / "multirun/search"
    arguments = ["hydra.sweep.subdir=at_${x}", TWO_POINTS, "hydra.sweeper.enqueue=[{x: 0.25}, {x: 0.25}, {x: 0.5}]"]
    done = run_app("tracked.py", "--multirun", ASYNC, *arguments, "hydra.sweeper.n_trials=3")
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    assert [trial.user_attrs["job_dir"] for trial in trials] == ["at_0.25", "at_0.25-1", "at_0.5"]
    assert {path.name for path in sweep.iterdir() if path.is_dir()} == {"at_0.25", "at_0.25-1", "at_0.5"}
    recorded = Recorded(tmp_path)
    assert recorded.statuses() == {f"trial-{i}": "FINISHED" for i in range(3)}
    assert (recorded.parent.data.metrics["best_value"], recorded.parent.data.tags["jobs.finished"]) == (0.5, "3")


@pytest.mark.slow
def test_study_that_is_gone_beside_its_jobs_is_said_and_nothing_touched(run_app: RunApp, tmp_path: Path) -> None:
    sweep = tmp_path / "multirun/search"
    assert run_app("tracked.py", "--multirun", ASYNC, "hydra.sweeper.n_trials=2").returncode == 0
    journal = (sweep / "optuna_journal.log").rename(tmp_path / "saved.log")
    before = {path: path.stat().st_mtime_ns for path in sweep.rglob("*")}
    for arguments in ([], ["hydra.sweeper.study_name=other"], [f"hydra.sweeper.storage=sqlite:///{tmp_path}/new.db"]):
        done = run_app("tracked.py", "--multirun", ASYNC, *arguments)
        (message,) = done.stderr.splitlines()
        assert done.returncode == 1 and message.startswith("hydra.sweep.dir: holds the jobs of a search, but no study ")
        assert {path: path.stat().st_mtime_ns for path in sweep.rglob("*")} == before
    assert Recorded(tmp_path).parent.info.status == "FINISHED"
    journal.rename(sweep / "optuna_journal.log")
    done = run_app("tracked.py", "--multirun", ASYNC, "hydra.sweeper.n_trials=3")
    assert done.returncode == 0, done.stderr
    assert states(trials_of(sweep)) == dict.fromkeys(range(3), "COMPLETE")
