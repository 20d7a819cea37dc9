"""Jobs that hang: each fails its own trial, by its reason, and the search goes on."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import RunApp
from tests.recorded import Recorded
from tests.studies import states, trials_of
from tests.tracked import PLAIN, SEARCH, joblib, n_trials

pytestmark = pytest.mark.slow

REASON = "trial_timeout: the job had not ended after 1 s"
LIMIT = "hydra.sweeper.trial_timeout=1"
ONE_FAILED = {0: "COMPLETE", 1: "FAIL", 2: "COMPLETE", 3: "COMPLETE"}


@pytest.mark.parametrize(
    ("workers", "how"),
    [(joblib(1), "sleeps"), (joblib(2), "handles_errors"), ([], "waits_for_a_child")],
    ids=["one worker", "two workers", "basic launcher"],
)
def test_job_that_hangs_is_interrupted_and_has_failed_everywhere_and_a_resume_does_not_retry_it(
    run_app: RunApp, tmp_path: Path, sweep: Path, workers: Sequence[str], how: str
) -> None:
    bad = ["bad_job=1", f"bad={how}", "hydra.sweeper.report=true"]
    done = run_app("tracked.py", *SEARCH, LIMIT, *bad, *workers)
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    assert states(trials) == ONE_FAILED
    assert trials[1].user_attrs["error"] == REASON and "lost" not in trials[1].user_attrs
    assert f"Trial 1 failed: {REASON}" in done.stdout and "worker was" not in done.stdout
    rows = list(csv.DictReader((sweep / "trials.csv").read_text().splitlines()))
    assert [row["reason"] for row in rows] == ["", REASON, "", ""]
    assert Recorded(tmp_path).statuses()["trial-1"] == "FAILED"

    again = run_app("tracked.py", *SEARCH, "hydra.sweeper.trial_timeout=2", *bad, *workers, n_trials(5))
    assert again.returncode == 0, again.stderr
    assert states(trials_of(sweep)) == {**ONE_FAILED, 4: "COMPLETE"}


@pytest.mark.parametrize("workers", [1, 2])
def test_job_that_can_not_be_interrupted_is_ended_with_its_process_and_the_worker_replaced(
    run_app: RunApp, tmp_path: Path, sweep: Path, workers: int
) -> None:
    done = run_app("tracked.py", *SEARCH, LIMIT, "bad_job=1", "bad=handles_everything", *joblib(workers))
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    assert states(trials) == ONE_FAILED
    assert trials[1].user_attrs["error"] == REASON and "lost" not in trials[1].user_attrs
    assert "A worker was ended with a job that could not be interrupted; another takes its place." in done.stdout
    assert len({trial.user_attrs["worker"]["pid"] for trial in trials}) == 2 or workers == 2
    recorded = Recorded(tmp_path)
    assert recorded.statuses()["trial-1"] == "FAILED" and recorded.parent.info.status == "FINISHED"


def test_jobs_that_all_hang_end_the_search_as_other_failures_do(run_app: RunApp, sweep: Path) -> None:
    few = "hydra.sweeper.max_initial_failures=2"
    done = run_app("tracked.py", *PLAIN, "hydra.sweeper.trial_timeout=0.3", "bad_job=all", "bad=sleeps", few)
    assert done.returncode == 1
    reason = "trial_timeout: the job had not ended after 0.3 s"
    assert done.stderr.startswith(f"The first 2 trials have all failed for one reason: {reason}")
    assert states(trials_of(sweep)) | {2: "", 3: ""} == {0: "FAIL", 1: "FAIL", 2: "", 3: ""}
