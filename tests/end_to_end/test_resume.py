"""What a refused resume leaves behind: the study, the parent run in MLflow and the directories as they were."""

import hashlib
from pathlib import Path

import pytest

from tests.conftest import RunApp
from tests.recorded import Recorded

SEARCH = ("--multirun", "--config-name", "asynchronous", "hydra/launcher=basic")
WITHOUT_PREFLIGHT = "~hydra.callbacks.preflight"


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
@pytest.mark.parametrize("callbacks", [(), (WITHOUT_PREFLIGHT,)], ids=["preflight", "mlflow alone"])
@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seconds=0.001", "seconds: 0.0 -> 0.001"),
        ("hydra.sweeper.direction=minimize", "was begun with [maximize]"),
        ("x=choice(0.1,0.2)", "has drawn it from interval(0, 1)"),
        ("hydra.sweeper.sampler.seed=${seconds_}", "seconds_"),
    ],
)
def test_refused_resume_touches_neither_study_nor_parent_run(
    run_app: RunApp, tmp_path: Path, callbacks: tuple[str, ...], override: str, message: str
) -> None:
    assert run_app("tracked.py", *SEARCH, "hydra.sweeper.n_trials=2").returncode == 0
    before, runs = digests(tmp_path), len(Recorded(tmp_path).runs)
    done = run_app("tracked.py", *SEARCH, *callbacks, "hydra.sweeper.n_trials=4", override)
    assert done.returncode == 1, done.stdout + done.stderr
    assert message in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert digests(tmp_path) == before
    recorded = Recorded(tmp_path)
    assert recorded.parent.info.status == "FINISHED" and len(recorded.runs) == runs


@pytest.mark.slow
@pytest.mark.parametrize("sweeper", [SEARCH, ("--multirun", "--config-name=basic", "hydra/callbacks=mlflow_first")])
def test_refused_search_leaves_no_parent_run_whatever_the_order_of_callbacks(
    run_app: RunApp, tmp_path: Path, sweeper: tuple[str, ...]
) -> None:
    without_preflight = [WITHOUT_PREFLIGHT] if sweeper == SEARCH else []
    done = run_app("tracked.py", *sweeper, *without_preflight, "x=range(9,3)")
    assert done.returncode == 1 and "Write range(3, 9)" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_mismatch_that_is_only_warned_of_goes_on(run_app: RunApp) -> None:
    assert run_app("tracked.py", *SEARCH, "hydra.sweeper.n_trials=2").returncode == 0
    done = run_app("tracked.py", *SEARCH, "hydra.sweeper.n_trials=3", "steps=1", "hydra.sweeper.on_mismatch=warn")
    assert done.returncode == 0, done.stderr
    assert "which may not compare: steps: 0 -> 1" in done.stdout


@pytest.mark.slow
def test_loss_is_minimized_where_no_direction_is_given_and_the_contrary_is_refused(
    run_app: RunApp, tmp_path: Path
) -> None:
    small = (
        "--multirun",
        "mlflow=off",
        "dataset=iris",
        "model=logistic_regression",
        "n_trials=1",
        "hydra/launcher=basic",
    )
    done = run_app("train.py", *small, "metric=log_loss", "study_name=loss")
    assert done.returncode == 0 and "Directions: ['minimize']" in done.stdout, done.stderr
    done = run_app("train.py", *small, "metric=log_loss", "direction=maximize", "study_name=other")
    assert done.returncode == 1 and "Set direction=minimize" in done.stderr
    assert not (tmp_path / "multirun/other").exists()


@pytest.mark.slow
def test_timeout_that_is_no_number_is_refused_in_one_line(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app("train.py", "--multirun", "timeout=ten")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "timeout (hydra.sweeper.timeout): must be a number, got ten. Set timeout to a value that fits."
    )
    assert not list(tmp_path.iterdir())
