"""Studies in a real PostgreSQL server, and studies that two machines share."""

import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState

from hydra_plugins.hydra_optuna_async_sweeper.search._queue import TrialQueue
from hydra_plugins.hydra_optuna_async_sweeper.search._spec import Search
from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import database_at
from tests.conftest import ROOT, RunApp, StartApp, command, end_group, environment, wait_for
from tests.postgresql import PASSWORD, PostgreSQLServer, can_not
from tests.recorded import Recorded
from tests.studies import finished, running, states, trials_of
from tests.sweeps import made_up_search
from tests.tracked import PLAIN, SEARCH, joblib

SECRETS = (PASSWORD, "secret%40")
pytestmark = pytest.mark.slow

StartOn = Callable[..., subprocess.Popen[str]]


# Seconds of silence after which a process that can't be seen is gone, and between its beats: else a minute and a half.
SILENCE = 5
QUICK = f"""
import hydra_plugins.hydra_search.owner as owner
owner.SILENCE, owner.SECONDS_BETWEEN_BEATS = {SILENCE}, 1
"""


@pytest.fixture
def start_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartOn]:
    """Start a search in a process group of its own, on a machine of that name, which sees no process of another."""
    unshare = ("unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")
    if subprocess.run([*unshare, "true"], capture_output=True).returncode:
        reason = "a host name and processes of its own need root (unshare --uts --pid)"
        can_not(reason) if os.getuid() == 0 else pytest.skip(reason)
    started: list[subprocess.Popen[str]] = []
    quick = tmp_path_factory.mktemp("quick")
    (quick / "sitecustomize.py").write_text(QUICK)
    env = environment({"PYTHONPATH": f"{quick}:{ROOT}"})

    def start(host: str, folder: Path, *args: str) -> subprocess.Popen[str]:
        folder.mkdir(exist_ok=True)
        process = subprocess.Popen(
            [*unshare, "sh", "-c", f'hostname {host}; exec "$@"', "sh", *command("tracked.py", args)],
            cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        end_group(process)


@pytest.fixture(params=["journal", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[dict[str, Path], list[str], str | Path]:
    """Where each machine starts the search, with which arguments, and where the study is: nothing else is shared."""
    if request.param == "journal":
        return {"north": tmp_path, "south": tmp_path}, [], tmp_path / "multirun/search"
    url = request.getfixturevalue("postgresql").new_database()
    folders = {"north": tmp_path / "north", "south": tmp_path / "south"}
    return folders, [f"hydra.sweeper.storage={url}"], url


def test_search_on_postgresql_runs_each_trial_once_and_resumes(run_app: RunApp, postgresql: PostgreSQLServer) -> None:
    url = postgresql.new_database()
    started: list[str] = []
    for total in (10, 14):
        done = run_app(
            "tracked.py", *PLAIN, *joblib(2), f"hydra.sweeper.storage={url}", f"hydra.sweeper.n_trials={total}"
        )
        assert done.returncode == 0, done.stderr
        assert not any(secret in done.stdout + done.stderr for secret in SECRETS)
        assert states(trials_of(url)) == dict.fromkeys(range(total), "COMPLETE")
        started += re.findall(r"\t#(\d+) :", done.stdout + done.stderr)
    assert sorted(map(int, started)) == list(range(14))
    assert "Resuming with 10 finished trials of 14" in done.stdout
    assert len({trial.params["x"] for trial in trials_of(url)}) == 14


@pytest.mark.parametrize("storage", ["sqlite", "postgresql"])
def test_point_to_try_first_runs_first_in_a_database(
    run_app: RunApp, request: pytest.FixtureRequest, tmp_path: Path, storage: str
) -> None:
    url = (
        f"sqlite:///{tmp_path}/study.db"
        if storage == "sqlite"
        else request.getfixturevalue("postgresql").new_database()
    )
    arguments = [f"hydra.sweeper.storage={url}", "hydra.sweeper.n_trials=2", "hydra.sweeper.enqueue=[{x: 0.25}]"]
    done = run_app("tracked.py", *PLAIN, *arguments)
    assert done.returncode == 0, done.stderr
    trials = trials_of(url)
    assert states(trials) == {0: "COMPLETE", 1: "COMPLETE"} and trials[0].value == 0.25


@pytest.mark.parametrize(("slots", "n_workers"), [(7, 6), (3, 4)])
def test_search_ends_with_one_slot_of_the_server_for_each_process_and_waits_where_there_are_fewer(
    run_app: RunApp, postgresql: PostgreSQLServer, slots: int, n_workers: int
) -> None:
    url = postgresql.new_database_with_slots(slots)
    workers = [f"hydra.launcher.n_jobs={n_workers}", f"hydra.sweeper.n_jobs={n_workers}", "hydra/launcher=joblib"]
    done = run_app("tracked.py", *PLAIN, *workers, f"hydra.sweeper.storage={url}", "hydra.sweeper.n_trials=12")
    assert done.returncode == 0, done.stderr
    assert states(trials_of(url)) == dict.fromkeys(range(12), "COMPLETE")
    assert ("too many connections" in done.stdout + done.stderr) == (slots <= n_workers)


def test_train_keeps_its_study_in_postgresql(run_app: RunApp, postgresql: PostgreSQLServer) -> None:
    url = postgresql.new_database()
    small = ["dataset=iris", "model=logistic_regression", "n_trials=3", "study_name=search", "hydra/launcher=basic"]
    env = {"OPTUNA_STORAGE_URL": url}
    done = run_app("train.py", "--multirun", "storage=postgresql", "mlflow=off", *small, env=env)
    assert done.returncode == 0, done.stderr
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS)
    assert states(trials_of(url)) == dict.fromkeys(range(3), "COMPLETE")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("wrong password", 'password authentication failed for user "optuna"'),
        ("no such database", 'database "absent" does not exist'),
        ("no server", "Connection refused"),
        ("no driver", "No module named 'pg8000'"),
    ],
)
def test_database_that_can_not_be_used_is_refused_with_one_line(
    run_app: RunApp, postgresql: PostgreSQLServer, tmp_path: Path, fault: str, message: str
) -> None:
    url = {
        "wrong password": postgresql.url("postgres", password="secret@wrong"),
        "no such database": postgresql.url("absent"),
        "no server": postgresql.url("postgres").replace(f":{postgresql.port}/", ":1/"),
        "no driver": postgresql.url("postgres").replace("+psycopg", "+pg8000"),
    }[fault]
    done = run_app("tracked.py", *SEARCH, f"hydra.sweeper.storage={url}")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("hydra.sweeper.storage: ") and message in line and "optuna:***@127.0.0.1" in line
    assert "psycopg[binary]" in line if fault == "no driver" else "see that the server runs" in line
    assert "secret" not in done.stdout + done.stderr
    assert not list(tmp_path.iterdir()), "nothing was begun"


def test_two_machines_on_one_study_share_the_budget(
    start_on: StartOn, shared: tuple[dict[str, Path], list[str], str | Path]
) -> None:
    folders, arguments, study = shared
    both = [
        start_on(host, at, *PLAIN, *arguments, "hydra.sweeper.n_trials=12", "seconds=0.2")
        for host, at in folders.items()
    ]
    outputs = [search.communicate(timeout=60)[0] for search in both]
    assert [search.returncode for search in both] == [0, 0], "\n".join(outputs)
    trials = trials_of(study)
    assert states(trials) == dict.fromkeys(range(12), "COMPLETE")
    started = re.findall(r"\t#(\d+) :", "".join(outputs))
    assert sorted(map(int, started)) == list(range(12)), "none twice"
    assert {trial.user_attrs["worker"]["host"] for trial in trials} == {"north", "south"}


def test_trial_of_a_killed_machine_is_requeued_after_its_silence_and_not_before(
    start_on: StartOn, shared: tuple[dict[str, Path], list[str], str | Path], tmp_path: Path
) -> None:
    folders, arguments, study = shared
    search = [*PLAIN, *arguments, "hydra.sweeper.n_trials=3", "hydra.sweeper.on_mismatch=warn"]
    north = start_on("north", folders["north"], *search, f"wait_for={tmp_path / 'never'}")
    wait_for(lambda: running(trials_of(study)) and list(tmp_path.rglob("0/waiting")), 60, "the first job")
    south = start_on("south", folders["south"], *search)
    wait_for(lambda: len(finished(trials_of(study))) == 2, 60, "the other trials")
    time.sleep(SILENCE + 2)
    (lost,) = running(trials_of(study))
    assert (lost.number, lost.user_attrs["worker"]["host"]) == (0, "north") and south.poll() is None
    os.killpg(north.pid, signal.SIGKILL)
    output = south.communicate(timeout=60)[0]
    assert south.returncode == 0, output
    trials = trials_of(study)
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETE: 3, TrialState.FAIL: 1}
    assert trials[0].user_attrs["lost"] == "worker lost"
    assert (trials[3].user_attrs["retry_of"], trials[3].params) == (0, lost.params)


def test_machine_that_is_interrupted_leaves_the_live_runs_of_the_other_alone(start_on: StartOn, tmp_path: Path) -> None:
    search, gate = [*SEARCH, "hydra.sweeper.n_trials=2", "hydra.sweeper.on_mismatch=warn"], tmp_path / "gate"
    north = start_on("north", tmp_path, *search, f"wait_for={gate}")
    wait_for(lambda: list(tmp_path.rglob("0/waiting")), 60, "the first job")
    south = start_on("south", tmp_path, *search, "wait_for=never")
    wait_for(lambda: list(tmp_path.rglob("1/waiting")), 60, "the second job")
    wait_for(lambda: len(Recorded(tmp_path).runs) == 3, 60, "the runs of both")
    os.killpg(south.pid, signal.SIGINT)
    output = south.communicate(timeout=60)[0]
    assert south.returncode == 130, output
    assert Recorded(tmp_path).statuses() == {"trial-0": "RUNNING", "trial-1": "KILLED"}
    gate.touch()
    output = north.communicate(timeout=60)[0]
    assert north.returncode == 0, output
    recorded = Recorded(tmp_path)
    assert recorded.statuses() == {"trial-0": "FINISHED", "trial-1": "KILLED", "trial-2": "FINISHED"}
    assert recorded.parent.info.status == "FINISHED"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
def test_search_waits_for_a_database_that_is_restarted(
    start_app: StartApp, postgresql: PostgreSQLServer, how: signal.Signals
) -> None:
    url = postgresql.new_database()
    arguments = [f"hydra.sweeper.storage={url}", "hydra.sweeper.n_trials=30", "seconds=0.2"]
    search = start_app("tracked.py", *PLAIN, *joblib(2), *arguments)
    wait_for(lambda: len(finished(trials_of(url))) >= 4, 60, "the first trials")
    postgresql.shut_down(how)
    time.sleep(2)
    assert search.poll() is None
    postgresql.start_again()
    output = search.communicate(timeout=60)[0]
    assert search.returncode == 0, output
    assert "The study's database can't be reached, waiting for it" in output and "Traceback" not in output
    assert "The study's database is back" in output
    trials = trials_of(url)
    assert Counter(trial.state for trial in trials if "lost" not in trial.user_attrs) == {TrialState.COMPLETE: 30}
    assert not any(trial.state in (TrialState.RUNNING, TrialState.WAITING) for trial in trials)


def test_machines_that_fill_the_queue_at_the_same_moment_keep_to_the_budget(
    postgresql: PostgreSQLServer, tmp_path: Path
) -> None:
    url = postgresql.new_database()
    for name in map(str, range(5)):
        with database_at(url).opened() as first, database_at(url).opened() as second:
            first.create_new_study([StudyDirection.MAXIMIZE], name)
            queues = [
                TrialQueue(search_in(tmp_path / host, name, url), storage)
                for host, storage in (("north", first), ("south", second))
            ]
            with ThreadPoolExecutor(2) as machines:
                list(machines.map(fill_when_both_are_there, queues, [threading.Barrier(2)] * 2))
            assert len(queues[0].trials()) == 6


def fill_when_both_are_there(queue: TrialQueue, both: threading.Barrier) -> None:
    both.wait()
    queue.fill()
    queue.storage.remove_session()  # this thread's


def search_in(folder: Path, name: str, url: str) -> Search:
    folder.mkdir(exist_ok=True)
    return made_up_search(folder, study_name=name, storage=database_at(url), n_trials=6)
