"""optuna-dashboard, as the README starts it, opens what a search leaves."""

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunApp, end_group, environment, wait_for
from tests.studies import trials_of

SEARCH = ("--multirun", "--config-name=asynchronous", "hydra.callbacks.mlflow.enabled=false", "bad_job=2")
PROGRAM = shutil.which("optuna-dashboard", path=Path(sys.executable).parent)

Get = Callable[[str], Any]


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[Callable[[str], Get]]:
    """Start it on a storage; what it returns asks it for JSON."""
    started: list[subprocess.Popen[str]] = []

    def start(storage: str) -> Get:
        if PROGRAM is None and os.environ.get("CI") != "true":
            pytest.skip("pip install optuna-dashboard")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]

        def get(path: str) -> Any:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/{path}", timeout=10) as answer:
                return json.load(answer)

        def answers() -> bool:
            try:
                return bool(get("studies"))
            except OSError:
                return False

        command = [str(PROGRAM), storage, "--host", "127.0.0.1", "--port", str(port)]
        with (tmp_path / "dashboard.log").open("w") as output:
            started.append(
                subprocess.Popen(
                    command,
                    cwd=tmp_path,
                    env=environment({"HOME": str(tmp_path)}),
                    text=True,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
        wait_for(answers, 30, "optuna-dashboard to answer")
        return get

    yield start
    for process in started:
        end_group(process)


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["multirun/search/optuna_journal.log", "sqlite:///optuna.db"])
def test_dashboard_shows_the_study(
    run_app: RunApp, dashboard: Callable[[str], Get], tmp_path: Path, storage: str
) -> None:
    elsewhere = [f"hydra.sweeper.storage={storage}"] if "://" in storage else []
    done = run_app("tracked.py", *SEARCH, *elsewhere)
    assert done.returncode == 0, done.stderr
    get = dashboard(storage)
    (study,) = get("studies")["study_summaries"]
    assert (study["study_name"], study["directions"]) == ("search", ["maximize"])
    shown = get(f"studies/{study['study_id']}")["trials"]
    assert [(trial["number"], trial["state"]) for trial in shown] == [
        (0, "Complete"), (1, "Complete"), (2, "Fail"), (3, "Complete"),
    ]  # fmt: skip
    trials = trials_of(f"sqlite:///{tmp_path}/optuna.db" if elsewhere else tmp_path / "multirun/search")
    assert [trial["params"][0]["param_internal_value"] for trial in shown] == [trial.params["x"] for trial in trials]
    best = max(trial["values"][0] for trial in shown if trial["state"] == "Complete")
    assert f"value {best:.4g}, x=" in done.stdout
