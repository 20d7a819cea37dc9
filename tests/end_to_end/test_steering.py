"""What is wished of a running search by `hydra-search`: it obeys on every storage, and without its sweeper too."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from hydra_plugins.hydra_search_command.__main__ import main
from tests.conftest import App, StartApp, environment, wait_for
from tests.recorded import Recorded
from tests.studies import finished, running, trials_of
from tests.tracked import PLAIN, SEARCH, joblib, n_trials, wait_for_jobs

pytestmark = pytest.mark.slow

BASIC = ("hydra/launcher=basic",)
Place = tuple[list[str], str | Path, list[str]]


@pytest.fixture(params=["journal", "sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, sweep: Path) -> Place:
    """How the search is told of a storage, where its trials are read, and how the command finds it."""
    if request.param == "journal":
        return [], sweep, [str(sweep)]
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/study.db"
    else:
        url = request.getfixturevalue("postgresql").new_database()
    return [f"hydra.sweeper.storage={url}"], url, ["search", "--storage", url]


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


def output_of(search: App, status: int = 0) -> str:
    output: str = search.communicate(timeout=120)[0]
    assert search.returncode == status, output
    return output


def n_finished(where: str | Path) -> int:
    return len(finished(trials_of(where)))


def test_stopped_search_starts_no_trial_any_more_and_ends_well(
    start_app: StartApp, sweep: Path, gate: Path, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    own, where, named = place
    search = start_app("tracked.py", *PLAIN, *own, f"wait_for={gate}", n_trials(9), *joblib(2))
    wait_for_jobs(sweep, 2)
    main(["stop", *named])
    assert capsys.readouterr().out.startswith("search: stop asked for by ")
    gate.touch()
    output = output_of(search)
    assert "Stop asked for by" in output and "Ended by: stop" in output
    assert Counter(trial.state.name for trial in trials_of(where))["COMPLETE"] == 2
    assert not running(trials_of(where))


def test_cancelled_search_requeues_what_runs_and_the_next_command_goes_on(
    start_app: StartApp, sweep: Path, gate: Path, place: Place
) -> None:
    own, where, named = place
    args = (*PLAIN, *own, f"wait_for={gate}", *joblib(2))
    search = start_app("tracked.py", *args, n_trials(4))
    wait_for_jobs(sweep, 2)
    main(["cancel", *named])
    output = output_of(search, 1)
    assert "Cancelled. To go on:" in output and "Cancelled by " in output.splitlines()[-1]
    assert [trial.user_attrs.get("lost") for trial in trials_of(where)[:2]] == ["interrupted"] * 2
    gate.touch()
    output_of(start_app("tracked.py", *args, n_trials(4)))
    assert n_finished(where) == 4
    assert {trial.user_attrs.get("retries", 0) for trial in trials_of(where)} == {0}


def test_paused_search_waits_until_it_is_resumed_with_another_budget(
    start_app: StartApp, sweep: Path, gate: Path, place: Place
) -> None:
    own, where, named = place
    search = start_app("tracked.py", *PLAIN, *own, f"wait_for={gate}", n_trials(9), *joblib(2))
    wait_for_jobs(sweep, 2)
    workers = {trial.user_attrs["worker"]["pid"] for trial in running(trials_of(where))}
    main(["pause", *named])
    gate.touch()
    wait_for(lambda: n_finished(where) == 2, 60, "both trials to end")
    wait_for(lambda: not any(map(psutil.pid_exists, workers)), 60, "the workers to leave")
    main(["set", *named, "n_trials=5", "timeout=3600"])
    with pytest.raises(subprocess.TimeoutExpired):
        search.wait(timeout=2)
    assert n_finished(where) == 2
    main(["resume", *named])
    output = output_of(search)
    assert "Pause asked for by" in output and "Resume asked for by" in output and "n_trials=5 asked for" in output
    assert "Ended by: n_trials" in output and n_finished(where) == 5


@pytest.mark.slow
def test_page_of_a_paused_search_says_so(start_app: StartApp, sweep: Path, gate: Path) -> None:
    search = start_app("tracked.py", *PLAIN, "hydra.sweeper.report=true", f"wait_for={gate}", n_trials(3), *joblib(2))
    wait_for_jobs(sweep, 2)
    main(["pause", str(sweep)])
    gate.touch()
    page = sweep / "report.html"
    wait_for(lambda: page.is_file() and "running, paused by " in page.read_text(), 60, "the page to say so")
    main(["resume", str(sweep)])
    output_of(search)
    assert "paused by" not in page.read_text()


def test_next_command_says_who_asked_for_what_while_none_ran(
    start_app: StartApp, tmp_path: Path, sweep: Path, gate: Path
) -> None:
    args = (*SEARCH, f"wait_for={gate}", n_trials(5), *joblib(2))
    search = start_app("tracked.py", *args)
    wait_for_jobs(sweep, 2)
    main(["pause", str(sweep)])
    wait_for(lambda: (sweep / ".wishes.jsonl").is_file(), 30, "the search to hear of it")
    os.kill(search.pid, signal.SIGKILL)
    search.wait()
    gate.touch()
    wait_for(lambda: not running(trials_of(sweep)), 60, "the workers to leave")
    main(["resume", str(sweep)])
    for x in (0.25, 0.75):
        main(["enqueue", str(sweep), f"x={x}"])
    output = output_of(start_app("tracked.py", *args))
    asked = ["Resume asked for by", "enqueue x=0.25 asked for by", "enqueue x=0.75 asked for by"]
    assert [output.count(each) for each in asked] == [1, 1, 1] and "Pause" not in output, output
    tag = Recorded(tmp_path).parent.data.tags["wishes"]
    assert [tag.count(each.lower()) for each in ("pause asked for by", *asked)] == [1, 1, 1, 1]
    assert "asked for by" not in output_of(start_app("tracked.py", *args[:-3], n_trials(6), *joblib(2))), "once"


def test_paused_search_says_how_to_go_on_whatever_its_name(start_app: StartApp, tmp_path: Path, gate: Path) -> None:
    sweep = tmp_path / "multirun" / "two words"
    where = (f"hydra.sweep.dir='{sweep}'", f"wait_for={gate}", n_trials(3), *joblib(2))
    search = start_app("tracked.py", *PLAIN, *where)
    wait_for_jobs(sweep, 2)
    main(["pause", str(sweep)])
    wait_for(lambda: (sweep / ".wishes.jsonl").is_file(), 30, "the search to hear of it")
    gate.touch()
    wait_for(lambda: n_finished(sweep) == 2, 60, "both trials to end")
    main(["resume", str(sweep)])
    output = output_of(search)
    assert "To go on: hydra-search resume 'multirun/two words'" in output, output


def test_raised_budget_gives_work_to_a_second_worker_while_the_first_one_runs(
    start_app: StartApp, sweep: Path, gate: Path
) -> None:
    search = start_app("tracked.py", *PLAIN, f"wait_for={gate}", n_trials(1), *joblib(2))
    wait_for_jobs(sweep, 1)
    main(["set", str(sweep), "n_trials=2"])
    wait_for_jobs(sweep, 2)
    gate.touch()
    assert "Ended by: n_trials" in output_of(search) and n_finished(sweep) == 2


def test_timeout_that_has_passed_when_it_is_set_ends_the_search(start_app: StartApp, sweep: Path, gate: Path) -> None:
    search = start_app("tracked.py", *PLAIN, f"wait_for={gate}", n_trials(9), *BASIC)
    wait_for_jobs(sweep, 1)
    main(["set", str(sweep), "timeout=0.01"])
    gate.touch()
    assert "Ended by: timeout" in output_of(search) and n_finished(sweep) == 1


@pytest.mark.parametrize("verb", ["stop", "cancel", "pause"])
def test_worker_in_the_sweepers_own_process_obeys(start_app: StartApp, sweep: Path, gate: Path, verb: str) -> None:
    search = start_app("tracked.py", *PLAIN, f"wait_for={gate}", n_trials(3), *BASIC)
    wait_for_jobs(sweep, 1)
    main([verb, str(sweep)])
    if verb == "cancel":
        assert "Cancelled. To go on:" in output_of(search, 1)
        assert trials_of(sweep)[0].user_attrs["lost"] == "interrupted"
        return
    gate.touch()
    if verb == "pause":
        wait_for(lambda: n_finished(sweep) == 1, 60, "the trial to end")
        main(["stop", str(sweep)])
    assert "Ended by: stop" in output_of(search) and n_finished(sweep) == 1


def test_paused_search_is_interrupted_at_once_and_the_next_command_waits_for_resume(
    start_app: StartApp, sweep: Path, gate: Path
) -> None:
    args = (*PLAIN, f"wait_for={gate}", n_trials(3), *BASIC)
    first = start_app("tracked.py", *args)
    wait_for_jobs(sweep, 1)
    main(["pause", str(sweep)])
    gate.touch()
    wait_for(lambda: n_finished(sweep) == 1, 60, "the trial to end")
    os.kill(first.pid, signal.SIGINT)
    assert "Interrupted. To go on:" in first.communicate(timeout=60)[0]
    second = start_app("tracked.py", *args)
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(timeout=4)
    main(["resume", str(sweep)])
    output = output_of(second)
    assert "Pause asked for by" in output and n_finished(sweep) == 3


def both(start: Callable[[], App], sweep: Path) -> list[App]:
    searches = [start()]
    wait_for_jobs(sweep, 1)
    searches.append(start())
    wait_for_jobs(sweep, 2)
    return searches


@pytest.mark.parametrize(("verb", "status"), [("stop", 0), ("cancel", 1)])
def test_both_sweepers_of_a_study_obey(
    start_app: StartApp, sweep: Path, gate: Path, place: Place, verb: str, status: int
) -> None:
    own, where, named = place
    args = (*PLAIN, *own, f"wait_for={gate}", n_trials(9), *joblib(1))
    searches = both(lambda: start_app("tracked.py", *args), sweep)
    main([verb, *named])
    if verb == "stop":
        gate.touch()
    for search in searches:
        assert f"{verb.capitalize()} asked for by" in output_of(search, status)
    assert n_finished(where) == (2 if verb == "stop" else 0) and not running(trials_of(where))


@pytest.mark.parametrize("verb", ["stop", "cancel"])
def test_workers_whose_sweeper_was_killed_obey(
    start_app: StartApp, sweep: Path, gate: Path, place: Place, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own, where, named = place
    search = start_app("tracked.py", *PLAIN, *own, f"wait_for={gate}", n_trials(9), *joblib(2))
    wait_for_jobs(sweep, 2)
    workers = {trial.user_attrs["worker"]["pid"] for trial in running(trials_of(where))}
    os.kill(search.pid, signal.SIGKILL)
    search.wait()
    main([verb, *named])
    if verb == "stop":
        gate.touch()
    wait_for(lambda: not running(trials_of(where)), 60, "the trials to end")
    lost = [trial.user_attrs["lost"] for trial in trials_of(where) if "lost" in trial.user_attrs]
    assert (lost, n_finished(where)) == (([], 2) if verb == "stop" else (["interrupted"] * 2, 0))
    wait_for(lambda: not any(map(psutil.pid_exists, workers)), 60, "the workers to leave")
    with pytest.raises(SystemExit) as left:
        main([verb, *named])
    assert left.value.code == 2 and "'search' is not running" in capsys.readouterr().err


def test_mlflow_says_who_has_cancelled_a_search(start_app: StartApp, tmp_path: Path, sweep: Path, gate: Path) -> None:
    search = start_app("tracked.py", *SEARCH, f"wait_for={gate}", *joblib(2))
    wait_for_jobs(sweep, 2)
    command = [sys.executable, "-m", "hydra_plugins.hydra_search_command", "cancel", "search", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True)
    assert '"value": "cancel"' in done.stdout
    output_of(search, 1)
    parent = Recorded(tmp_path).parent
    assert parent.info.status == "KILLED" and parent.data.tags["wishes"].startswith("cancel asked for by ")
    assert set(Recorded(tmp_path).statuses().values()) == {"KILLED"}
