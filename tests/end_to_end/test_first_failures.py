"""A search whose jobs can't work ends soon, and says why."""

from pathlib import Path

import pytest

from tests.conftest import RunApp
from tests.studies import states, trials_of

pytestmark = pytest.mark.slow

SEARCH = ("--multirun", "--config-name=asynchronous", "hydra.callbacks.mlflow.enabled=false", "hydra/launcher=basic")


@pytest.mark.parametrize(("limit", "n_failed"), [("5", 5), ("null", 8)])
def test_search_ends_when_its_first_trials_fail_for_one_reason_unless_told_to_go_on(
    run_app: RunApp, tmp_path: Path, limit: str, n_failed: int
) -> None:
    settings = ["hydra.sweeper.n_trials=8", f"hydra.sweeper.max_initial_failures={limit}"]
    done = run_app("tracked.py", *SEARCH, *settings, "bad_job=all", "bad=raise")
    assert done.returncode == 1
    assert list(states(trials_of(tmp_path / "multirun/search")).values()).count("FAIL") == n_failed
    assert "Traceback" not in done.stderr
    told = "The first 5 trials have all failed for one reason: RuntimeError: the job broke on purpose"
    assert (told in done.stderr) == (limit == "5")
    mended = ["hydra.sweeper.n_trials=10", "hydra.sweeper.on_mismatch=warn"]
    again = run_app("tracked.py", *SEARCH, *mended)
    assert again.returncode == 0, "what failed in an earlier sweep keeps no other from going on"
