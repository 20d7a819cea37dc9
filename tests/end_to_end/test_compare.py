"""`hydra-search compare` over searches that ran: joblib, SQLite and PostgreSQL, resumed, and still running."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browser import Chromium
from tests.conftest import RunApp, StartApp, environment
from tests.end_to_end.test_report_page import MARKS, draw_all, noise
from tests.postgresql import PASSWORD, PostgreSQLServer
from tests.tracked import PLAIN, joblib, n_trials, wait_for_jobs

pytestmark = pytest.mark.slow

REPORT = "hydra.sweeper.report=true"


def named(name: str) -> tuple[str, str]:
    return f"hydra.sweeper.study_name={name}", f"hydra.sweep.dir=multirun/{name}"


def compare(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hydra_plugins.hydra_search_command", "compare", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(env), text=True, capture_output=True, timeout=120)


def compared(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    done = compare(folder, *arguments, "--json", env=env)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def row(text: str, name: str) -> list[str]:
    (found,) = re.findall(rf"^\| {re.escape(name)} \| (.*) \|$", text, re.M)
    return [cell.strip() for cell in found.split(" | ")]


def test_searches_on_joblib_and_on_sqlite_are_drawn_side_by_side(
    run_app: RunApp, tmp_path: Path, chromium: Chromium
) -> None:
    first = run_app("tracked.py", *PLAIN, REPORT, *named("one"), n_trials(5), *joblib(2), "steps=2")
    assert first.returncode == 0, first.stderr
    database = f"hydra.sweeper.storage=sqlite:///{tmp_path}/study.db"
    for total in (3, 4):  # it is interrupted
        done = run_app("tracked.py", *PLAIN, REPORT, *named("other"), n_trials(total), database, "slope=2.0")
        assert done.returncode == 0, done.stderr
    said = compare(tmp_path, "one", "multirun/other")
    assert said.returncode == 0, said.stderr
    assert row(said.stdout, "finished") == ["5", "4"] and row(said.stdout, "n_trials") == ["5", "4"]
    assert "slope" in said.stdout and said.stdout.endswith("\nPage: comparison.html\n")

    content = compared(tmp_path, "one", "other")
    other = content["searches"][1]
    assert other["best_so_far"][0]["points"][-1]["trials"] == 4
    assert 0 < other["seconds"]["to_best"] <= other["seconds"]["total"]
    for width, dark in ((400, True), (1600, False)):
        chromium.open((tmp_path / "comparison.html").as_uri(), width=width, dark=dark)
        draw_all(chromium)
        kinds = [kind for kind, _ in chromium.run(MARKS)]
        assert kinds == ["course", "course", "group", "group"] and noise(chromium) == []
        assert chromium.run("return document.documentElement.scrollWidth") <= width


def test_interruption_of_a_resumed_search_is_no_part_of_its_seconds(run_app: RunApp, tmp_path: Path) -> None:
    for total in (2, 4):
        done = run_app("tracked.py", *PLAIN, REPORT, *named("one"), n_trials(total))
        assert done.returncode == 0, done.stderr
    done = run_app("tracked.py", *PLAIN, REPORT, *named("other"), n_trials(1))
    assert done.returncode == 0, done.stderr
    spent = compared(tmp_path, "one", "other")["searches"][0]["seconds"]["total"]
    assert spent < seconds_of_study(tmp_path / "multirun/one"), "an application starts in between"


def seconds_of_study(sweep: Path) -> float:
    from tests.studies import trials_of

    trials = trials_of(sweep, sweep.name)
    start = min(trial.datetime_start for trial in trials if trial.datetime_start)
    return (max(trial.datetime_complete for trial in trials if trial.datetime_complete) - start).total_seconds()


def test_running_search_is_compared_and_goes_on(start_app: StartApp, run_app: RunApp, tmp_path: Path) -> None:
    done = run_app("tracked.py", *PLAIN, REPORT, *named("other"), n_trials(2))
    assert done.returncode == 0, done.stderr
    gate = tmp_path / "gate"
    running = start_app("tracked.py", *PLAIN, REPORT, *named("one"), n_trials(2), f"wait_for={gate}")
    wait_for_jobs(tmp_path / "multirun/one", 1)
    said = compare(tmp_path, "one", "other")
    assert said.returncode == 0, said.stderr
    assert "one had running trials when this was made" in said.stdout and "one has no finished trial." in said.stdout
    assert row(said.stdout, "running") == ["1", "0"]
    assert row(said.stdout, "status")[0] == "running"
    gate.touch()
    running.communicate(timeout=60)
    assert running.returncode == 0, running.stdout
    assert compared(tmp_path, "one", "other")["searches"][0]["trials"] == {"finished": 2}


def test_search_on_postgresql_is_compared_by_directory_and_by_name_and_no_password_is_shown(
    run_app: RunApp, tmp_path: Path, postgresql: PostgreSQLServer
) -> None:
    url = postgresql.new_database()
    for name, storage in (("one", [f"hydra.sweeper.storage={url}"]), ("other", [])):
        done = run_app("tracked.py", *PLAIN, REPORT, *named(name), n_trials(2), *storage)
        assert done.returncode == 0, done.stderr
    said = compare(tmp_path, "one", "other", "--storage", url)
    assert said.returncode == 0, said.stderr
    env = {"OPTUNA_STORAGE_URL": url}
    by_variable = compare(tmp_path, "one", "other", env=env)
    assert by_variable.returncode == 0, by_variable.stderr
    assert row(by_variable.stdout, "finished") == row(said.stdout, "finished") == ["2", "2"]
    page = (tmp_path / "comparison.html").read_text()
    assert PASSWORD not in said.stdout + page and PASSWORD not in json.dumps(
        compared(tmp_path, "one", "other", env=env)
    )
