"""A search that only says what it would do: the very trials that it then runs, and nothing is made."""

import shlex
import signal
from pathlib import Path

import psutil
import pytest
import yaml
from sqlalchemy import create_engine, inspect

from tests.conftest import MLflowServer, RunApp, StartApp
from tests.end_to_end.test_resume import digests
from tests.postgresql import PostgreSQLServer
from tests.recorded import Recorded
from tests.studies import trials_of
from tests.tracked import PLAIN, SEARCH, joblib, n_trials, wait_for_jobs

pytestmark = pytest.mark.slow


def dry(count: object) -> str:
    return f"hydra.sweeper.dry_run={count}"


def commands(output: str) -> list[list[str]]:
    """Return the overrides of each command."""
    lines = [shlex.split(line) for line in output.splitlines() if "tracked.py" in line and line[0] not in "#["]
    return [[word for word in line[2:] if not word.startswith("-")] for line in lines]


def run_overrides(sweep: Path, numbers: range) -> list[list[str]]:
    return [yaml.safe_load((sweep / f"{number}/.hydra/overrides.yaml").read_text()) for number in numbers]


BRANCHES = "{choices: {a: {size: 'int(interval(1, 9))'}, b: {size: 'choice(small, large)', long_text: 'choice(p, q)'}}}"
SEARCHES = {
    "tpe": ["hydra.sweeper.enqueue=[{x: 0.25}]", "hydra.sweeper.enqueue_defaults=true"],
    "random": ["hydra/sweeper/sampler=random", f"+hydra.sweeper.params.branch={BRANCHES}"],
    "qmc": ["hydra/sweeper/sampler=qmc", "size=range(1, 9)"],
    "cmaes": ["hydra/sweeper/sampler=cmaes", "slope=interval(1, 2)"],
    "nsgaii": ["hydra/sweeper/sampler=nsgaii", "objectives=2", "hydra.sweeper.direction=[maximize,minimize]"],
    "grid": ["hydra/sweeper/sampler=grid", "hydra.sweeper.params.x='choice(0.1, 0.2, 0.3)'", "size=range(1, 5)"],
    "repeats": ["hydra.sweeper.params.x='choice(0.1, 0.2, 0.3)'", "size=range(1, 4)"],
    "reused": ["hydra.sweeper.params.x='choice(0.1, 0.2)'", "size=range(1, 7)", "hydra.sweeper.duplicates=reuse"],
    "custom": ["hydra.sweeper.custom_search_space=tracked.search_space", "seconds=choice(0.0,0.001)", "long_text=a b"],
}


@pytest.mark.parametrize("name", SEARCHES)
def test_commands_are_those_of_the_trials_that_the_search_then_runs(
    run_app: RunApp, sweep: Path, tmp_path: Path, name: str
) -> None:
    count = 6 if name == "cmaes" else 8  # its first generation, which has no results to go by
    arguments = [*PLAIN, *SEARCHES[name], n_trials(count)]
    shown = run_app("tracked.py", *arguments, dry(count))
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert not list(tmp_path.iterdir())
    assert run_app("tracked.py", *arguments).returncode == 0
    ran = [trial.number for trial in trials_of(sweep) if (sweep / f"{trial.number}/.hydra").exists()]
    assert len(ran) == count
    expected = [run_overrides(sweep, range(number, number + 1))[0] for number in ran]
    assert commands(shown.stdout) == expected


def test_trial_is_what_its_command_runs(run_app: RunApp, sweep: Path, tmp_path: Path) -> None:
    shown = run_app("tracked.py", *PLAIN, "size=range(1, 9)", "slope=2.0", dry(1))
    assert shown.returncode == 0, shown.stderr
    (line,) = commands(shown.stdout)
    assert "# Trial 0, drawn" in shown.stdout and "slope=2.0" in line
    done = run_app("tracked.py", "--config-name=asynchronous", *line, "hydra.callbacks.mlflow.enabled=false")
    assert done.returncode == 0, done.stderr


def test_warm_starts_come_in_their_place(run_app: RunApp, sweep: Path) -> None:
    first = ["hydra.sweeper.study_name=first", "hydra.sweep.dir=multirun/first"]
    assert run_app("tracked.py", *PLAIN, *first, "hydra.sweeper.enqueue=[{x: 0.75}]", n_trials(1)).returncode == 0
    arguments = [*PLAIN, "hydra.sweeper.warm_start=[{study: first}]", "hydra.sweeper.enqueue=[{x: 0.5}]", n_trials(3)]
    shown = run_app("tracked.py", *arguments, dry(9))
    assert shown.returncode == 0 and not sweep.exists()
    assert commands(shown.stdout)[:2] == [["x=0.5"], ["x=0.75"]]
    assert "# Trial 0, enqueued\n" in shown.stdout and "# Trial 1, first/0\n" in shown.stdout
    assert "# No more: 3 trials are left to run." in shown.stdout
    assert run_app("tracked.py", *arguments).returncode == 0
    assert run_overrides(sweep, range(3)) == commands(shown.stdout)


@pytest.mark.parametrize("callbacks", [(), ("~hydra.callbacks.preflight",), ("~hydra.callbacks.mlflow",)])
@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_nothing_is_made_and_it_says_where_everything_would_go(
    run_app: RunApp, tmp_path: Path, sweep: Path, callbacks: tuple[str, ...], storage: str
) -> None:
    database = f"sqlite:///{tmp_path}/new/study.db"
    kept = [f"hydra.sweeper.storage={database}"] if storage == "sqlite" else []
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    shown = run_app("tracked.py", *SEARCH, *callbacks, *kept, *joblib(2), "hydra.sweeper.report=true", dry(5))
    assert shown.returncode == 0, shown.stderr
    assert not list(tmp_path.iterdir())
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before
    assert len(commands(shown.stdout)) == 4  # n_trials
    study = database if kept else f"{sweep}/optuna_journal.log"
    for line in (
        "Trials: 4, by 2 workers of hydra/launcher=joblib", "Search space: continuous", f"Sweep directory: {sweep}",
        f"Study: {study} (new)",
    ):  # fmt: skip
        assert line in shown.stdout.splitlines()
    recorded = f"MLflow: sqlite:///{tmp_path}/mlflow.db, experiment "
    assert (recorded in shown.stdout) == ("~hydra.callbacks.mlflow" not in callbacks)


def test_server_of_postgresql_is_left_without_tables(run_app: RunApp, postgresql: PostgreSQLServer) -> None:
    url = postgresql.new_database()
    shown = run_app("tracked.py", *PLAIN, f"hydra.sweeper.storage={url}", dry(2))
    assert shown.returncode == 0, shown.stderr
    assert len(commands(shown.stdout)) == 2 and "secret" not in shown.stdout
    engine = create_engine(url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


@pytest.mark.slow
def test_tracking_server_gets_no_experiment_and_no_run(run_app: RunApp, mlflow_server: MLflowServer) -> None:
    uri = f"hydra.callbacks.mlflow.tracking_uri={mlflow_server.uri}"
    experiment = "hydra.callbacks.mlflow.experiment_name=mine"
    shown = run_app("tracked.py", *SEARCH, uri, experiment, dry(2))
    assert shown.returncode == 0, shown.stderr
    assert f"MLflow: {mlflow_server.uri}, experiment mine (new), run " in shown.stdout
    recorded = Recorded(mlflow_server.uri)
    assert not recorded.runs and recorded.client.get_experiment_by_name("mine") is None
    mlflow_server.kill()
    refused = run_app("tracked.py", *SEARCH, uri, dry(2))
    assert refused.returncode == 1 and "tracking_uri" in refused.stderr


@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_study_that_is_there_is_read_only_and_its_next_trials_are_shown(
    run_app: RunApp, tmp_path: Path, sweep: Path, storage: str
) -> None:
    kept = [f"hydra.sweeper.storage=sqlite:///{tmp_path}/study.db"] if storage == "sqlite" else []
    arguments = [*SEARCH, *kept]
    assert run_app("tracked.py", *arguments, n_trials(11)).returncode == 0
    before = digests(tmp_path)
    shown = run_app("tracked.py", *arguments, n_trials(13), dry(5))
    assert shown.returncode == 0, shown.stderr
    assert digests(tmp_path) == before
    assert "(goes on with 11 trials that are over)" in shown.stdout and "TPESampler goes by the results" in shown.stdout
    assert run_app("tracked.py", *arguments, n_trials(12)).returncode == 0
    assert commands(shown.stdout)[0] == run_overrides(sweep, range(11, 12))[0]
    assert len(commands(shown.stdout)) == 2


def test_trial_of_a_killed_search_is_the_next_and_its_directory_stays(
    start_app: StartApp, run_app: RunApp, tmp_path: Path, sweep: Path
) -> None:
    search = start_app("tracked.py", *PLAIN, f"wait_for={tmp_path}/gate", "hydra.sweeper.on_mismatch=warn")
    wait_for_jobs(sweep, 1)
    search.send_signal(signal.SIGKILL)
    search.wait(60)
    before = digests(tmp_path)
    shown = run_app("tracked.py", *PLAIN, f"wait_for={tmp_path}/gate", dry(1))
    assert shown.returncode == 0, shown.stderr
    assert digests(tmp_path) == before
    assert commands(shown.stdout)[0] == run_overrides(sweep, range(1))[0]
    assert ", again for trial 0\n" in shown.stdout


@pytest.mark.parametrize(
    ("space", "size"),
    [
        (["hydra.sweeper.params.x='choice(0.1, 0.2, 0.3)'", "size=range(1, 5)"], "12 points"),
        (["hydra.sweeper.params.x='choice(0.1, 0.2)'", f"+hydra.sweeper.params.branch={BRANCHES}"], "26 points"),
        (["hydra.sweeper.params.x={type: float, low: 0, high: 1, step: 0.25}"], "5 points"),
        (["size=range(1, 5)"], "continuous"),
        (["hydra.sweeper.custom_search_space=tracked.search_space"], "unknown"),
    ],
)
def test_size_of_the_space_is_told(run_app: RunApp, space: list[str], size: str) -> None:
    shown = run_app("tracked.py", *PLAIN, *space, dry(1))
    assert shown.returncode == 0, shown.stderr
    assert f"Search space: {size}" in shown.stdout


@pytest.mark.parametrize("count", ["0", "-1", "five", "true", "false", "2.5", "[5]"])
def test_count_that_is_none_is_refused_in_one_line(run_app: RunApp, tmp_path: Path, count: str) -> None:
    done = run_app("tracked.py", *SEARCH, dry(count))
    assert done.returncode == 1 and not list(tmp_path.iterdir())
    assert done.stderr.strip() == (
        f"hydra.sweeper.dry_run: must be a whole number, 1 or more, got {count}. "
        "Set hydra.sweeper.dry_run=5 to see five trials, or null to run the search."
    )


def test_bad_search_is_refused_as_ever(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app("tracked.py", *SEARCH, dry(5), "x=range(9,3)")
    assert done.returncode == 1 and "Write range(3, 9)" in done.stderr and not list(tmp_path.iterdir())
