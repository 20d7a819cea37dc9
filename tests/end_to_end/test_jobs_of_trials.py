"""How a trial becomes a job: what an override refers to, what a job reports, how it may end."""

from pathlib import Path

from tests.conftest import RunApp
from tests.studies import trials_of

SEARCH = ("--multirun", "--config-name=asynchronous", "hydra.callbacks.mlflow.enabled=false")


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
