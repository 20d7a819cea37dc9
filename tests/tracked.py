"""The searches over tests/apps/tracked.py that the tests start: their arguments, and how far their jobs are."""

from pathlib import Path

from tests.conftest import wait_for

SEARCH = ("--multirun", "--config-name=asynchronous")
NO_MLFLOW = "hydra.callbacks.mlflow.enabled=false"
PLAIN = (*SEARCH, NO_MLFLOW)


def n_trials(number: int) -> str:
    return f"hydra.sweeper.n_trials={number}"


def joblib(workers: int) -> list[str]:
    return ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={workers}", f"hydra.sweeper.n_jobs={workers}"]


def wait_for_jobs(sweep: Path, number: int, seconds: float = 60) -> list[int]:
    """Wait until so many jobs stand at the gate that `wait_for=<file>` names. Returns their numbers."""
    wait_for(lambda: len(list(sweep.glob("*/waiting"))) == number, seconds, f"{number} jobs at the gate")
    return sorted(int(path.parent.name) for path in sweep.glob("*/waiting"))
