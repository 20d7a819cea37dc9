"""How a trial becomes a job: what an override refers to, what a job reports, how it may end."""

from pathlib import Path

import pytest

from tests.conftest import RunApp
from tests.recorded import Recorded
from tests.studies import states, trials_of
from tests.tracked import SEARCH as RECORDED
from tests.tracked import joblib, n_trials

SEARCH = ("--multirun", "--config-name=asynchronous", "hydra.callbacks.mlflow.enabled=false")
LEADS_NOWHERE = ["${nosuch}", "${oc.env:SURELY_UNSET}", "a_${no.such}_b", "${no_resolver:1}"]


def test_reference_on_the_command_line_is_resolved_in_each_job(run_app: RunApp, tmp_path: Path) -> None:
    sweep = tmp_path / "multirun/search"
    done = run_app(
        "tracked.py", *SEARCH, "hydra.sweeper.n_trials=6", "long_text=run_${x}", "+nobody_asks=${oc.env:SURELY_UNSET}",
        "branch='${x}',b", "keep={text: '${long_text}', to: '${hydra:runtime.output_dir}/ckpt',"
        " job: ['${hydra:job.num}'], branch: '${branch}'}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    assert {trial.params["branch"] for trial in trials} == {"'${x}'", "b"}
    for trial in trials:
        x = trial.params["x"]
        assert trial.user_attrs["kept"] == {
            "text": f"run_{x}",
            "to": f"{sweep}/{trial.number}/ckpt",
            "job": [trial.number],
            "branch": x if "$" in trial.params["branch"] else "b",
        }


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "value", [LEADS_NOWHERE[0], *(pytest.param(v, marks=pytest.mark.slow) for v in LEADS_NOWHERE[1:])]
)
def test_reference_on_the_command_line_that_leads_nowhere_and_that_nobody_uses_costs_itself_alone(
    run_app: RunApp, tmp_path: Path, value: str, workers: int
) -> None:
    own = joblib(workers) if workers > 1 else []
    done = run_app("tracked.py", *RECORDED, *own, n_trials(2), f"+nobody_asks={value}", "long_text=run_${x}")
    assert done.returncode == 0 and "Jobs: 2 finished, 0 failed" in done.stdout, done.stderr
    assert "raised" not in done.stderr
    runs = Recorded(tmp_path)
    assert runs.statuses() == {"trial-0": "FINISHED", "trial-1": "FINISHED"}
    assert "best_value" in runs.parent.data.metrics
    for name, run in runs.children.items():
        params = run.data.params
        assert params["long_text"] == f"run_{params['x']}" and params["nobody_asks"] == value, name


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_job_that_asks_where_a_reference_leads_nowhere_fails_and_has_its_run(
    run_app: RunApp, tmp_path: Path, sweep: Path, workers: int
) -> None:
    own = joblib(workers) if workers > 1 else []
    asks = ("steps=${oc.env:SURELY_UNSET}", "hydra.sweeper.max_failure_rate=1")
    done = run_app("tracked.py", *RECORDED, *own, n_trials(2), *asks)
    assert done.returncode == 1
    assert states(trials_of(sweep)) == {0: "FAIL", 1: "FAIL"}
    runs = Recorded(tmp_path)
    assert runs.statuses() == {"trial-0": "FAILED", "trial-1": "FAILED"}
    assert "SURELY_UNSET" in runs.children["trial-0"].data.tags["hydra.status_reason"]


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_variable_of_a_job_that_can_not_be_set_fails_the_job_and_ends_no_worker(
    run_app: RunApp, sweep: Path, workers: int
) -> None:
    own = joblib(workers) if workers > 1 else []
    done = run_app("tracked.py", *SEARCH, *own, n_trials(2), "+hydra.job.env_set.RUN=${mlflow_run_id:}")
    assert done.returncode == 1 and "A worker was lost" not in done.stdout, done.stdout
    assert states(trials_of(sweep)) == {0: "FAIL", 1: "FAIL"}
    assert "mlflow_run_id" in trials_of(sweep)[0].user_attrs["error"]
