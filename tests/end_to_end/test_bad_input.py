"""What can't be run ends before the first job with one message, and leaves nothing behind."""

import os
import signal
import time
from pathlib import Path

import pytest
import yaml

from tests.conftest import RunApp, StartApp, wait_for

APP = "quadratic.py"
JOBLIB = ("hydra/launcher=joblib", "n_jobs=2")

REFUSED = [
    (["+search_space={model.lrr: 'range(1, 3)'}"], "model.lrr", "range(1, 3)", "Did you mean model.lr?"),
    (["+search_space={depth: 'range(13, 3)'}"], "depth", "range(13, 3)", "Write range(3, 13)."),
    (["+search_space={depth: 'interval(300, 50)'}"], "depth", "interval(300, 50)", "Write interval(50, 300)."),
    (["+search_space={x: 'tag(log, interval(0, 1))'}"], "x", "tag(log, interval(0, 1))", "leave the tag out"),
    (["+search_space={x: 'tag(lgo, interval(1, 2))'}"], "x", "tag(lgo, interval(1, 2))", "Did you mean log?"),
    (["+search_space={depth: 'rnage(1, 3)'}"], "depth", "rnage(1, 3)", "Did you mean range?"),
    (
        ["+search_space={depth: {type: int, low: 1, high: 5}}"],
        "depth",
        "{type: int,",
        "Write depth: int(interval(1, 5))",
    ),
    (["search_space=null"], "search_space", "null", "sweep a key on the command line"),
    (["search_space={}", "x=0.5"], "search_space", "[x]", "Leave at least one"),
    (["model=linear,momentun"], "model", "momentun", "Did you mean momentum?"),
    (["model=linear,momentum", "model.momentum=range(1,3)"], "model.momentum", "range(1,3)", "Known: model, model.lr."),
    (["hydra/sweeper=grid"], "x", "interval(0, 1)", "choice(a, b)"),
    (["hydra/sweeper=basic", "x=interval(0,1)"], "x", "interval(0,1)", "choice(a, b)"),
    (["n_trials=0"], "n_trials", "0", "1 or more"),
    (["n_trials=abc"], "n_trials", "abc", "1 or more"),
    (["n_jobs=0"], "n_jobs", "0", "1 or more"),
    ([*JOBLIB, "hydra.launcher.n_jobs=0"], "hydra.launcher.n_jobs", "0", "1 or more"),
    (
        ["hydra.launcher._target_=hydra_plugins.hydra_absent_launcher.absent.Absent"],
        "hydra/launcher",
        "basic (hydra_plugins.hydra_absent_launcher",
        "pip install 'hydra-absent-launcher>=1.4.0rc3,<1.5'",
    ),
    (["direction=maximise"], "direction", "maximise", "Did you mean maximize?"),
    (["metric=[a,b]"], "direction", "maximize", "direction=[maximize,maximize]"),
    (["timeout=60"], "timeout", "60", "Set timeout=null"),
    (["hydra.sweeper.max_failure_rate=2"], "max_failure_rate", "2.0", "Set hydra.sweeper.max_failure_rate=0"),
    (["data=nowhere.csv"], "data", "nowhere.csv", "Set data=<file>."),
]
FAST = 2


@pytest.mark.parametrize(
    ("overrides", "key", "value", "remedy"),
    [
        pytest.param(*case, marks=[pytest.mark.slow] if i >= FAST else [], id=case[0][0])
        for i, case in enumerate(REFUSED)
    ],
)
def test_refused(run_app: RunApp, tmp_path: Path, overrides: list[str], key: str, value: str, remedy: str) -> None:
    done = run_app(APP, "--multirun", *overrides)
    message = done.stderr.strip().splitlines()
    assert done.returncode == 1
    assert len(message) == 1, done.stderr
    assert key in message[0] and f"got {value}" in message[0] and remedy in message[0]
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("override", ["n_trails=3", "hydra.sweeper.n_trails=3", "hydra/sweeper=optun", "x=rnage(1,3)"])
def test_hydra_itself_refuses(run_app: RunApp, tmp_path: Path, override: str) -> None:
    done = run_app(APP, "--multirun", override)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert override.split("=")[0] in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_single_run_is_checked(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app(APP, "data=nowhere.csv")
    assert done.returncode == 1
    assert done.stderr.strip() == "data: the file must exist, got nowhere.csv. Set data=<file>."
    assert not list(tmp_path.iterdir())
    assert run_app(APP).returncode == 0


@pytest.mark.slow
def test_only_the_whitelist_can_be_called(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app(APP, "--multirun", "hydra.callbacks.preflight.check._target_=os.mkdir")
    assert done.returncode == 1
    assert "'os.mkdir' is not in the Hydra execution whitelist" in done.stderr
    assert not list(tmp_path.iterdir())


def test_second_search_of_the_same_name(run_app: RunApp, tmp_path: Path) -> None:
    assert run_app(APP, "--multirun", "n_trials=2").returncode == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    done = run_app(APP, "--multirun", "n_trials=2")
    assert done.returncode == 1
    assert done.stderr.startswith("hydra.sweep.dir: already holds a search")
    assert "got multirun/quadratic. Set study_name=<name>" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.slow
def test_of_searches_started_at_once_one_runs(start_app: StartApp) -> None:
    searches = [start_app(APP, "--multirun", "n_trials=2") for _ in range(4)]
    outputs = [search.communicate(timeout=120)[0] for search in searches]
    assert sorted(search.returncode for search in searches) == [0, 1, 1, 1]
    assert sum("already holds a search" in output for output in outputs) == 3


@pytest.mark.slow
def test_search_that_never_started_a_job_gives_the_directory_back(run_app: RunApp, tmp_path: Path) -> None:
    assert run_app(APP, "--multirun", "hydra.sweeper.storage=nonsense").returncode != 0
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("result", "launcher"),
    [("undefined", JOBLIB), *((kind, ()) for kind in ("undefined", "infinite", "nothing", "text", "truth", "pair"))],
)
def test_result_that_is_no_number_is_never_the_best(
    run_app: RunApp, tmp_path: Path, result: str, launcher: tuple[str, ...]
) -> None:
    overrides = [f"result={result},number", "n_trials=8", "hydra.sweeper.max_failure_rate=1", *launcher]
    done = run_app(APP, "--multirun", *overrides)
    assert done.returncode == 0, done.stderr
    best = yaml.safe_load((tmp_path / "multirun/quadratic/optimization_results.yaml").read_text())
    assert best["best_params"]["result"] == "number" and best["best_value"] < 0
    assert "Failed experiment: the job must return" in done.stdout


@pytest.mark.slow
def test_first_result_that_is_no_number_ends_the_search(run_app: RunApp, tmp_path: Path) -> None:
    done = run_app(APP, "--multirun", "result=undefined")
    assert done.returncode == 1
    assert "NotFinite: the job must return a finite number, got nan" in done.stderr
    assert not (tmp_path / "multirun/quadratic/1").exists()


def running_in_group(group: int) -> list[int]:
    """Processes of a group that are not zombies."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, its_group = status.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            found.append(int(status.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize(
    ("sent", "code", "send", "launcher"),
    [
        pytest.param(signal.SIGINT, 130, os.kill, (), id="int-main-basic"),
        pytest.param(signal.SIGTERM, 143, os.kill, (), id="term-main-basic"),
        pytest.param(signal.SIGINT, 130, os.killpg, JOBLIB, id="int-group-joblib"),
        pytest.param(signal.SIGTERM, 143, os.kill, JOBLIB, id="term-main-joblib"),
    ],
)
def test_ended_from_outside(
    start_app: StartApp, tmp_path: Path, sent: signal.Signals, code: int, send: object, launcher: tuple[str, ...]
) -> None:
    search = start_app(APP, "--multirun", "sleep=60", *launcher)
    wait_for(lambda: len(list(tmp_path.glob("started-*"))) == (2 if launcher else 1), 60, "the jobs")
    time.sleep(0.2)
    assert callable(send)
    send(search.pid, sent)
    output = search.communicate(timeout=30)[0]
    assert search.returncode == code
    said = [line for line in output.splitlines() if "resource_tracker" not in line]  # of joblib's pool, at its own end
    assert said[-1] in ("The search was interrupted.", "The search was terminated.")
    assert "Traceback" not in output
    wait_for(lambda: not running_in_group(search.pid), 10, "the workers to be gone")


@pytest.mark.slow
def test_interrupted_single_run(start_app: StartApp, tmp_path: Path) -> None:
    run = start_app(APP, "sleep=60")
    wait_for(lambda: list(tmp_path.glob("started-*")), 60, "the job")
    run.send_signal(signal.SIGINT)
    output = run.communicate(timeout=30)[0]
    assert run.returncode == 130
    assert output.splitlines()[-1] == "The run was interrupted."
