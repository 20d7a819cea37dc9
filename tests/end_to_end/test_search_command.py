"""`hydra-search` beside real searches: on a journal, on SQLite, on PostgreSQL, with two sweepers, after kill -9."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hydra_plugins.hydra_search.wishes import heard_in
from hydra_plugins.hydra_search_command.__main__ import main
from tests.conftest import StartApp, environment, wait_for
from tests.recorded import Recorded
from tests.studies import trials_of
from tests.tracked import NO_MLFLOW, SEARCH, joblib, n_trials, wait_for_jobs

pytestmark = pytest.mark.slow
SWEEP = Path("multirun/search")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=["journal", "sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, here: Path) -> str | None:
    if request.param == "journal":
        return None
    return (
        f"sqlite:///{here}/study.db"
        if request.param == "sqlite"
        else request.getfixturevalue("postgresql").new_database()
    )


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    main([*arguments, "--json"])
    return json.loads(capsys.readouterr().out)


def status(capsys: pytest.CaptureFixture[str], storage: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = asked(capsys, "status", "search", *(["--storage", storage] if storage else []))
    return found


def test_search_is_watched_led_and_cleaned_on_every_storage(
    here: Path, storage: str | None, start_app: StartApp, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [f"hydra.sweeper.storage={storage}"] if storage else []
    more = [NO_MLFLOW, n_trials(4), "hydra.sweeper.report=true", "wait_for=gate", *joblib(2), *where]
    search = start_app("tracked.py", *SEARCH, *more)
    wait_for_jobs(SWEEP, 2)
    password = ["--storage", storage] if storage and storage.startswith("postgresql") else []
    running = asked(capsys, "status", "search", *password)
    assert (running["state"], running["n_trials"], running["counts"]["running"]) == ("running", 4, 2)
    assert [worker["alive"] for worker in running["workers"]] == [True, True]
    assert all(0 <= worker["params"]["x"] <= 1 for worker in running["workers"])
    assert running["sweeps"][0]["pid"] == search.pid
    assert asked(capsys, "enqueue", "search", "x=0.125", *password)["is_next"] is True
    with pytest.raises(SystemExit) as left:
        main(["clean", "search", "--yes", *password])
    assert left.value.code == 2 and "'search' runs" in capsys.readouterr().err
    Path("gate").touch()
    assert search.wait() == 0

    found = asked(capsys, "status", "search", *password)
    assert (found["state"], found["reason"], found["n_over"]) == ("complete", "n_trials", 4)
    assert found["workers"] == [] and found["best"][0]["values"] == [max(t.value or 0 for t in there(storage))]
    assert 0.125 in [trial.params.get("x") for trial in there(storage)]
    assert [heard.verb for heard in heard_in(SWEEP)] == ["enqueue x=0.125"], "the log and MLflow say who asked for it"
    (row,) = asked(capsys, "list", *(password or []))
    assert (row["study_name"], row["state"], row["n_over"]) == ("search", "complete", 4)
    assert asked(capsys, "report", "search", *password)["report"] == str(SWEEP / "report.html")
    assert asked(capsys, "enqueue", "search", "x=0.5", *password)["is_next"] is False

    main(["clean", "search", "--yes", *password])
    assert not SWEEP.exists() and not there(storage)


def there(storage: str | None) -> list[Any]:
    try:
        return trials_of(storage or SWEEP)
    except KeyError:
        return []


def test_search_whose_sweeper_was_killed_is_told_delivered_and_cleaned_with_its_runs(
    here: Path, start_app: StartApp, capsys: pytest.CaptureFixture[str]
) -> None:
    search = start_app("tracked.py", *SEARCH, n_trials(4), "hydra.sweeper.report=true", "wait_for=gate", *joblib(2))
    wait_for_jobs(SWEEP, 2)
    os.killpg(search.pid, signal.SIGKILL)
    search.wait()
    wait_for(lambda: status(capsys)["state"] == "interrupted", 60, "the workers to be gone")
    assert [worker["alive"] for worker in status(capsys)["workers"]] == [False, False]
    main(["deliver", "search", "--storage", str(SWEEP / "optuna_journal.log")])
    assert set(Recorded(here).statuses().values()) == {"KILLED"}
    main(["report", "search"])
    assert "unfinished" in (SWEEP / "summary.md").read_text()
    (done,) = asked(capsys, "clean", "search", "--yes")
    assert done["mlflow_runs"] == 3 and done["problem"] is None
    runs = Recorded(here)
    assert {run.info.lifecycle_stage for run in [runs.parent, *runs.children.values()]} == {"deleted"}
    assert not SWEEP.exists()


def test_two_sweeps_of_one_search_are_both_told(
    here: Path, start_app: StartApp, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (NO_MLFLOW, n_trials(6), "wait_for=gate", *joblib(1))
    both = [start_app("tracked.py", *SEARCH, *arguments) for _ in range(2)]
    wait_for_jobs(SWEEP, 2)
    found = status(capsys)
    assert {sweep["pid"] for sweep in found["sweeps"]} == {search.pid for search in both}
    assert len({worker["pid"] for worker in found["workers"]}) == 2
    Path("gate").touch()
    assert [search.wait() for search in both] == [0, 0]
    assert status(capsys)["state"] == "complete"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["status", "absent"], "hydra-search status: there is no search 'absent'"),
        (["status"], "hydra-search status: the following arguments are required: SEARCH. See: "),
        (["abolish"], "hydra-search: argument VERB: invalid choice: 'abolish'"),
        (["set", "absent", "--jsn", "n_trials=3"], "hydra-search: unrecognized arguments: --jsn"),
    ],
)
def test_refusal_is_one_line_and_status_2_of_the_command_itself(here: Path, arguments: list[str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hydra_plugins.hydra_search_command", *arguments],
        cwd=here, env=environment(), text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1 and not done.stdout and not list(here.iterdir())


def test_state_follows_what_people_ask_for(here: Path, start_app: StartApp, capsys: pytest.CaptureFixture[str]) -> None:
    search = start_app("tracked.py", *SEARCH, NO_MLFLOW, n_trials(8), "wait_for=gate", *joblib(2))
    wait_for_jobs(SWEEP, 2)
    main(["pause", "search"])
    assert status(capsys)["state"] == "paused"
    main(["resume", "search"])
    assert status(capsys)["state"] == "running"
    main(["set", "search", "n_trials=5"])
    wait_for(lambda: status(capsys)["n_trials"] == 5, 60, "the sweep to hear of it")
    main(["stop", "search"])
    Path("gate").touch()
    assert search.wait() == 0
    found = status(capsys)
    assert found["state"] == "stopped" and found["reason"].startswith("stop asked for by ")
    assert {wish["wish"] for wish in found["wishes"]} == {"stop", "n_trials=5"} and found["n_over"] == 2
