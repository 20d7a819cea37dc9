"""A discrete space that has fewer points than the search has trials, through the front door."""

import csv
from pathlib import Path

import pytest

from tests.conftest import RunApp
from tests.recorded import Recorded
from tests.studies import trials_of

SPACE = "hydra.sweeper.params={x: 'choice(0.1, 0.2, 0.3)'}"
SEARCH = ("--multirun", "--config-name=asynchronous", SPACE, "hydra.sweeper.report=true")


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "duplicates"), [(1, "reuse"), (2, "resample")])
def test_each_point_of_a_small_space_runs_once_and_the_search_says_that_there_is_nothing_new(
    run_app: RunApp, tmp_path: Path, workers: int, duplicates: str
) -> None:
    launcher = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={workers}", f"hydra.sweeper.n_jobs={workers}"]
    how = f"hydra.sweeper.duplicates={duplicates}"
    done = run_app("tracked.py", *SEARCH, *(launcher if workers > 1 else []), how, "hydra.sweeper.n_trials=5")
    assert done.returncode == 0, done.stderr
    assert "Ended by: duplicates (the last 30 draws were all known" in done.stdout
    sweep = tmp_path / "multirun/search"
    trials = trials_of(sweep)
    repeats = {trial.number: trial.user_attrs["repeats"] for trial in trials if "repeats" in trial.user_attrs}
    ran = {trial.number: trial for trial in trials if trial.state.name == "COMPLETE" and trial.number not in repeats}
    assert sorted(trial.params["x"] for trial in ran.values()) == [0.1, 0.2, 0.3] and len(repeats) >= 30
    for number, known in repeats.items():
        assert (trials[number].values, trials[number].params) == (ran[known].values, ran[known].params)
        assert f"Trial {number} repeats trial {known}: value" in done.stdout and not (sweep / str(number)).exists()

    rows = {int(row["number"]): row for row in csv.DictReader((sweep / "trials.csv").read_text().splitlines())}
    assert {number for number, row in rows.items() if row["reason"].startswith("repeats trial ")} == set(repeats)
    assert Recorded(tmp_path).statuses() == {f"trial-{number}": "FINISHED" for number in ran}
    description = Recorded(tmp_path).parent.data.tags["mlflow.note.content"]
    assert f"3 finished, {len(repeats)} repeated" in description

    again = run_app("tracked.py", *SEARCH[:-1], "hydra.sweeper.duplicates=run", "hydra.sweeper.n_trials=5")
    assert again.returncode == 0 and "Resuming with 3 finished trials of 5" in again.stdout, again.stderr
    assert "Ended by: n_trials" in again.stdout
    assert len(Recorded(tmp_path).statuses()) == 5, "two of the three points have run again"
