"""Jobs that end their process, workers that die, sweepers that are killed: each costs its own trial at most."""

from pathlib import Path

import pytest

from tests.conftest import RunApp
from tests.recorded import Recorded
from tests.studies import states, trials_of

SEARCH = ("--multirun", "--config-name=asynchronous")
PLAIN = (*SEARCH, "hydra.callbacks.mlflow.enabled=false")
slow = pytest.mark.slow


def n_trials(number: int) -> str:
    return f"hydra.sweeper.n_trials={number}"


def joblib(workers: int) -> list[str]:
    return ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={workers}", f"hydra.sweeper.n_jobs={workers}"]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return tmp_path / "multirun/search"


ENDS = {"exit": "SystemExit: 0", "exit_text": "SystemExit: no licence", "cancelled": "CancelledError"}


@pytest.mark.parametrize("bad", ["exit", *(pytest.param(bad, marks=slow) for bad in list(ENDS)[1:])])
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=slow)])
def test_job_that_exits_fails_its_trial_with_the_reason_and_the_search_goes_on(
    run_app: RunApp, tmp_path: Path, sweep: Path, bad: str, workers: int
) -> None:
    own = joblib(workers) if workers > 1 else []
    done = run_app("tracked.py", *SEARCH, "bad_job=1", f"bad={bad}", *own)
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    assert states(trials) == {0: "COMPLETE", 1: "FAIL", 2: "COMPLETE", 3: "COMPLETE"}
    assert trials[1].user_attrs["error"] == ENDS[bad]
    assert Recorded(tmp_path).statuses()["trial-1"] == "FAILED"
    assert Recorded(tmp_path).parent.info.status == "FINISHED"
