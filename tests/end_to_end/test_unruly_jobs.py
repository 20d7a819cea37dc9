"""What a job does to its process, its directory and its trial costs this trial at most."""

from pathlib import Path

import pytest

from tests.conftest import RunApp
from tests.recorded import Recorded
from tests.studies import trials_of

FINE = "FINISHED"
DEEDS = {
    "change directory": FINE, "delete directory": FINE, "enter and delete directory": FINE, "leave no room": FINE,
    "set note": FINE, "return numpy.bool_": "the job must return a number, got np.True_", "set worker": "got 'worker'",
    "set beat": "got 'beat'", "set lost": "got 'lost'", "nothing": FINE,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("chdir", ["false", "true"])
def test_what_a_job_does_costs_its_own_trial_at_most(run_app: RunApp, tmp_path: Path, chdir: str) -> None:
    done = run_app("unruly.py", "--multirun", f"deeds={[*DEEDS]}", f"hydra.job.chdir={chdir}")
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stdout + done.stderr
    trials = trials_of(tmp_path / "multirun/search")
    states = {deed: trial.state.name for deed, trial in zip(DEEDS, trials, strict=True)}
    assert states == {deed: "COMPLETE" if end is FINE else "FAIL" for deed, end in DEEDS.items()}
    for trial, (deed, end) in zip(trials, DEEDS.items(), strict=True):
        assert end is FINE or end in trial.user_attrs["error"], (deed, trial.user_attrs)
    assert trials[4].user_attrs["note"] == "mine"
    assert f"Trial 3: its result can't be kept in {tmp_path}/multirun/search/3" in done.stdout
    statuses = {f"trial-{i}": FINE if end is FINE else "FAILED" for i, end in enumerate(DEEDS.values())}
    recorded = Recorded(tmp_path)
    assert recorded.statuses() == statuses
    assert recorded.parent.data.tags["jobs.finished"] == str(sum(end is FINE for end in DEEDS.values()))
    assert {path.name for path in tmp_path.iterdir()} <= {"multirun", "mlflow.db", "mlflow.db.lock", "mlruns"}
