"""The files that a search leaves for a person: made by real searches, read back, and used."""

import csv
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper.search._report import Report
from hydra_plugins.hydra_search_report._facts import SearchFacts
from tests.conftest import ROOT, RunApp, StartApp, environment, wait_for
from tests.recorded import Recorded
from tests.studies import trials_of

FILES = {"report.html", "trials.csv", "summary.md", "best.txt"}
SEARCH = ("train.py", "--multirun", "study_name=search", "dataset=iris", "model=logistic_regression", "n_trials=3")


def rows(sweep: Path) -> list[dict[str, str]]:
    with (sweep / "trials.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_search_leaves_its_report_and_best_txt_repeats_the_best_trial_to_the_digit(
    run_app: RunApp, tmp_path: Path
) -> None:
    done = run_app(*SEARCH, "preprocessor=standard", "n_jobs=2")
    assert done.returncode == 0, done.stderr
    sweep = tmp_path / "multirun/search"
    assert {path.name for path in sweep.iterdir()} >= FILES
    assert "Report: multirun/search/report.html" in done.stdout
    assert "Best trial: " in done.stdout
    assert "optuna-dashboard multirun/search/optuna_journal.log" in done.stdout and "mlflow ui" in done.stdout

    trials, children = trials_of(sweep), Recorded(tmp_path).children
    assert [(row["number"], row["run_id"]) for row in rows(sweep)] == [
        (str(t.number), children[f"trial-{t.number}"].info.run_id) for t in trials
    ]
    assert [float(row["value"]) for row in rows(sweep)] == [trial.value for trial in trials]
    recorded = Recorded(tmp_path)
    assert recorded.artifacts(recorded.parent) >= FILES

    shell = (
        f"{shlex.quote(sys.executable)} {ROOT}/train.py $(cat multirun/search/best.txt) mlflow=off hydra.run.dir=again"
    )
    again = subprocess.run(
        ["bash", "-c", shell], cwd=tmp_path, env=environment(), text=True, capture_output=True, timeout=120
    )
    assert again.returncode == 0, again.stderr
    best = max(trials, key=lambda trial: trial.value or 0.0)
    first, second = (
        json.loads((path / "metrics.json").read_text()) for path in (sweep / str(best.number), tmp_path / "again")
    )
    assert {**first, "fit_seconds": 0} == {**second, "fit_seconds": 0} and first["accuracy"] == best.value


@pytest.mark.slow
def test_interrupted_search_leaves_a_report_that_says_so(start_app: StartApp, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    search = start_app(
        "tracked.py", "--multirun", "--config-name=asynchronous", "hydra.sweeper.report=true", f"wait_for={gate}"
    )
    wait_for(lambda: (tmp_path / "multirun/search/0/waiting").exists(), 60, "the first job")
    search.send_signal(2)
    output = search.communicate(timeout=30)[0]
    assert "Traceback" not in output and "Report: multirun/search/report.html" in output
    assert "interrupted" in (tmp_path / "multirun/search/summary.md").read_text()
    assert rows(tmp_path / "multirun/search")[0]["reason"] == "interrupted"
    assert not (tmp_path / "multirun/search/best.txt").exists()


@pytest.mark.slow
def test_report_names_the_options_that_are_fixed_and_not_those_that_are_varied(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app(*SEARCH, "mlflow=off", "n_trials=1")  # its space varies the preprocessor
    assert done.returncode == 0, done.stderr
    choices = SearchFacts.load(tmp_path / "multirun/search").choices
    assert choices == {
        "dataset": "iris", "splitter": "kfold", "model": "logistic_regression",
        "search_space": "logistic_regression", "mlflow": "off", "storage": "journal",
    }  # fmt: skip


@pytest.mark.slow
def test_report_finds_jobs_in_directories_that_are_not_called_by_their_number(run_app: RunApp, tmp_path: Path) -> None:
    named = ("hydra.sweep.subdir=job-${hydra.job.num}", "hydra.sweeper.report=true", "hydra.sweeper.n_trials=2")
    done = run_app("tracked.py", "--multirun", "--config-name=asynchronous", *named)
    assert done.returncode == 0, done.stderr
    sweep = tmp_path / "multirun/search"
    assert [row["directory"] for row in rows(sweep)] == ["job-0/", "job-1/"]
    assert all(row["run_id"] for row in rows(sweep))
    best = max(trials_of(sweep), key=lambda trial: trial.value or 0.0)
    assert f"x={best.params['x']}" in (sweep / "best.txt").read_text()
    assert f"multirun/search/job-{best.number}" in (sweep / "summary.md").read_text()


def test_search_without_a_report_leaves_none(run_app: RunApp, tmp_path: Path) -> None:
    plain = ("hydra.callbacks.mlflow.enabled=false", "hydra.sweeper.n_trials=1")
    done = run_app("tracked.py", "--multirun", "--config-name=asynchronous", *plain)
    assert done.returncode == 0 and "Report:" not in done.stdout
    assert not FILES & {path.name for path in (tmp_path / "multirun/search").iterdir()}


def test_report_is_refreshed_when_it_is_due_and_something_has_ended(tmp_path: Path) -> None:
    facts = SearchFacts(
        study_name="s", directions=("maximize",), metrics=("score",), n_trials=9, n_jobs=1, directory="multirun/s"
    )
    report = Report(facts, tmp_path)
    trials = [create_trial(state=TrialState.COMPLETE, value=1.0, params={}, distributions={})]
    report.look(trials)
    assert not (tmp_path / "report.html").exists(), "too soon"
    report._due = 0.0
    report.look(trials)
    assert re.search("running", (tmp_path / "summary.md").read_text())
    (tmp_path / "report.html").unlink()
    report._due = 0.0
    report.look(trials)
    assert not (tmp_path / "report.html").exists(), "nothing new"
    report.look([*trials, *trials])
    assert (tmp_path / "report.html").exists()


def test_report_with_nothing_new_is_noted_to_be_of_a_running_search_until_the_search_is_over(tmp_path: Path) -> None:
    facts = SearchFacts(
        study_name="s", directions=("maximize",), metrics=("score",), n_trials=9, n_jobs=1, directory="multirun/s"
    )
    report, page = Report(facts, tmp_path), tmp_path / "report.html"
    trials = [create_trial(state=TrialState.COMPLETE, value=1.0, params={}, distributions={})]

    def look(trials: list[FrozenTrial]) -> str:
        report._due = report._sign_due = 0.0
        report.look(trials)
        return page.read_text()

    dead = re.sub(r'data-alive="\d+"', 'data-alive="5"', look(trials))
    page.write_text(dead)
    assert re.sub(r'data-alive="\d{9,}"', 'data-alive="5"', again := look(trials)) == dead != again
    assert report.finish(trials, "ended by n_trials")
    assert "data-alive" not in look([*trials, *trials]), "a look that comes late changes nothing"


def test_report_that_cannot_be_made_is_a_warning_and_the_search_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    facts = SearchFacts(
        study_name="s", directions=("maximize",), metrics=("score",), n_trials=9, n_jobs=1, directory="multirun/s"
    )
    report = Report(facts, tmp_path)
    (tmp_path / "trials.csv").mkdir()  # cannot be replaced by a file
    trials = [create_trial(state=TrialState.COMPLETE, value=1.0, params={}, distributions={})]
    assert report.finish(trials, "ended") is False
    (said,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert said.getMessage().startswith("The report could not be written: [Errno 21]") and said.exc_info is None
    assert f"-m hydra_plugins.hydra_search_report {tmp_path}" in said.getMessage()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        (4, "the disk is full ("),
        (8, "the disk is full ("),
        (300, "The report could not be written: [Errno 27] File too large"),
    ],
)
def test_full_disk_is_status_1_in_words(tmp_path: Path, blocks: int, said: str) -> None:
    """The system takes only so many KiB in a file: too few for the study, or enough for it but not for the report."""
    search = [str(ROOT / "tests/apps/tracked.py"), "--multirun", "--config-name=asynchronous"]
    options = ["hydra.sweeper.report=true", "hydra.callbacks.mlflow.enabled=false", "hydra.sweeper.n_trials=12"]
    shell = f"ulimit -f {blocks}; exec {shlex.join([sys.executable, *search, *options])}"
    done = subprocess.run(
        ["bash", "-c", shell], cwd=tmp_path, env=environment(), text=True, capture_output=True, timeout=120
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count(said) == 1
    assert "study_name=search" in done.stderr or "Ended by: n_trials" in done.stdout
