"""Where jobs print to: with several workers, their trials' logs; the terminal has the lines of the sweep."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import RunApp
from tests.studies import trials_of

if TYPE_CHECKING:
    import subprocess

ASYNC = (
    "--multirun", "hydra/sweeper=optuna_async", "hydra/launcher=joblib", "x=interval(0, 1)", "hydra.sweeper.n_trials=4",
    "hydra.sweep.dir=multirun/search", "hydra.sweeper.study_name=search", "hydra.sweeper.max_failure_rate=1",
    "hydra.sweeper.report=false",
)  # fmt: skip
WAYS = (
    "print", "stderr", "logging", "warning", "descriptor 1", "descriptor 2", "puts", "child", "of a process",
)  # fmt: skip

pytestmark = pytest.mark.slow


def log_of(sweep: Path, number: int) -> str:
    return (sweep / str(number) / "loud.log").read_text()


def printed(text: str, number: int) -> list[str]:
    """Return the ways in which the job of a trial has written into a text, each as often as it has."""
    return [way for way in WAYS for _ in re.findall(rf"\b{number} {way}$", text, flags=re.M)]


def console(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout + done.stderr)


def test_output_of_jobs_of_several_workers_is_in_the_logs_of_their_trials_and_the_console_has_the_lines_of_the_sweep(
    run_app: RunApp, sweep: Path
) -> None:
    said = console(run_app("loud.py", *ASYNC, "deed=raise"))
    for number in range(4):
        assert printed(log_of(sweep, number), number) == list(WAYS)
        assert printed(said, number) == []
    assert re.findall(r"Trial (\d) finished: value", said) and len(re.findall(r"\t#\d : x=", said)) == 4
    assert len(re.findall(r"Trial \d finished: value .*$", said, flags=re.M)) == 3
    failed = f"Trial 1 failed: RuntimeError: of the job, in two lines (its log: {sweep}/1/loud.log)"
    assert said.count(failed) == 1 and "Traceback" not in said
    assert "Traceback" in log_of(sweep, 1) and "of the job,\nin two lines" in trials_of(sweep)[1].user_attrs["error"]


def test_console_has_the_output_of_jobs_where_that_is_asked_for(run_app: RunApp, sweep: Path) -> None:
    said = console(run_app("loud.py", *ASYNC, "hydra.sweeper.job_output=console"))
    for number in range(4):
        assert printed(said, number) == list(WAYS)
        assert printed(log_of(sweep, number), number) == ["logging"]


@pytest.mark.parametrize("deed", ["close descriptors", "close streams"])
@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_console_is_the_sweeps_again_whatever_a_job_has_closed(
    run_app: RunApp, sweep: Path, deed: str, launcher: str
) -> None:
    how = (f"hydra/launcher={launcher}", "hydra.sweeper.job_output=file", "hydra.sweeper.n_jobs=1", f"deed={deed}")
    said = console(run_app("loud.py", *ASYNC, *how))
    for number in range(4):
        assert printed(log_of(sweep, number), number) == list(WAYS)
        assert printed(said, number) == [] and said.count(f"Trial {number} finished: value") == 1
    assert "Best trial: " in said and "Error" not in said


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_one_process_leaves_the_output_of_jobs_to_the_console(run_app: RunApp, sweep: Path, n_jobs: int) -> None:
    """A worker, or the sweep itself."""
    launcher = "joblib" if n_jobs == 1 else "basic"
    said = console(run_app("loud.py", *ASYNC, f"hydra/launcher={launcher}", f"hydra.sweeper.n_jobs={n_jobs}"))
    assert [printed(said, number) for number in range(4)] == [list(WAYS)] * 4


def test_last_words_of_a_job_whose_process_is_killed_are_in_its_log(run_app: RunApp, sweep: Path) -> None:
    said = console(run_app("loud.py", *ASYNC, "deed=kill", "hydra.sweeper.max_retries=0"))
    assert "1 the last words\n" in log_of(sweep, 1) and "last words" not in said


def test_last_words_of_a_job_that_takes_too_long_are_in_its_log(run_app: RunApp, sweep: Path) -> None:
    said = console(run_app("loud.py", *ASYNC, "deed=hang", "hydra.sweeper.trial_timeout=3"))
    assert "1 the last words\n" in log_of(sweep, 1) and "last words" not in said
    assert f"Trial 1 failed: trial_timeout: the job had not ended after 3 s (its log: {sweep}/1/loud.log)" in said


@pytest.mark.parametrize("job_logging", ["none", "stdout"])
def test_log_is_made_for_the_output_where_logging_writes_none(run_app: RunApp, sweep: Path, job_logging: str) -> None:
    said = console(run_app("loud.py", *ASYNC, f"hydra/job_logging={job_logging}", "deed=raise"))
    for number in range(4):
        assert set(WAYS) - {"logging"} <= set(printed(log_of(sweep, number), number))
        assert printed(said, number) == []
    assert "RuntimeError: of the job,\nin two lines" in log_of(sweep, 1)


def test_unknown_place_for_the_output_is_refused_with_the_known_ones(run_app: RunApp) -> None:
    done = run_app("loud.py", *ASYNC, "hydra.sweeper.job_output=fil")
    assert done.returncode == 1
    assert "hydra.sweeper.job_output: must be auto, console or file, got fil. Did you mean file?" in done.stderr
