"""Jobs that end their process, workers that die, sweepers that are killed: each costs its own trial at most."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import APPS, ROOT, RunApp, StartApp, environment
from tests.recorded import Recorded
from tests.studies import finished, running, states, trials_of
from tests.tracked import PLAIN, SEARCH, joblib, n_trials, wait_for_jobs

slow = pytest.mark.slow


ENDS = {"exit": "SystemExit: 0", "exit_text": "SystemExit: no licence", "cancelled": "CancelledError"}


@pytest.mark.parametrize("bad", ["exit", *(pytest.param(bad, marks=slow) for bad in list(ENDS)[1:])])
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=slow)])
def test_job_that_exits_fails_its_trial_with_the_reason_and_the_search_goes_on(
    run_app: RunApp, tmp_path: Path, sweep: Path, bad: str, workers: int
) -> None:
    own = joblib(workers) if workers > 1 else []
    done = run_app("tracked.py", *SEARCH, "bad_job=1", f"bad={bad}", *own)
    assert done.returncode == 0, done.stderr
    trials = trials_of(sweep)
    assert states(trials) == {0: "COMPLETE", 1: "FAIL", 2: "COMPLETE", 3: "COMPLETE"}
    assert trials[1].user_attrs["error"] == ENDS[bad]
    assert Recorded(tmp_path).statuses()["trial-1"] == "FAILED"
    assert Recorded(tmp_path).parent.info.status == "FINISHED"


def test_search_says_when_the_launcher_runs_fewer_workers_than_are_asked_for(run_app: RunApp, sweep: Path) -> None:
    done = run_app("tracked.py", *PLAIN, n_trials(4), *joblib(3), "hydra.launcher.n_jobs=1")
    assert done.returncode == 0, done.stderr
    remedy = "Workers: 1 of hydra.sweeper.n_jobs=3, as hydra.launcher.n_jobs=1; for all: hydra.launcher.n_jobs=3"
    assert done.stdout.count(remedy) == 1, done.stdout
    assert len({trial.user_attrs["worker"]["pid"] for trial in trials_of(sweep)}) == 1


@pytest.mark.parametrize("prefer", ["processes", pytest.param("threads", marks=slow)])
def test_joblibs_own_default_means_as_many_workers_as_the_sweeper_has_whatever_the_cores(
    start_app: StartApp, tmp_path: Path, sweep: Path, prefer: str
) -> None:
    workers, gate = (os.cpu_count() or 1) + 1, tmp_path / "gate"
    own = ["hydra/launcher=joblib", f"hydra.sweeper.n_jobs={workers}", n_trials(workers + 1), f"wait_for={gate}"]
    search = start_app("tracked.py", *PLAIN, *own, "hydra.launcher.n_jobs=-1", f"hydra.launcher.prefer={prefer}")
    wait_for_jobs(sweep, workers)
    gate.touch()
    output = search.communicate(timeout=60)[0]
    assert search.returncode == 0 and "Workers:" not in output, output


@slow
def test_job_that_crashes_its_process_costs_its_own_try_with_one_worker_too(run_app: RunApp, sweep: Path) -> None:
    done = run_app("tracked.py", *PLAIN, "bad_job=1", "bad=segfault", n_trials(3), *joblib(1))
    assert done.returncode == 0, done.stderr
    assert "A worker was lost (killed by SIGSEGV); its trial is requeued." in done.stdout
    trials = trials_of(sweep)
    assert states(trials) == {0: "COMPLETE", 1: "FAIL", 2: "COMPLETE", 3: "COMPLETE"}
    assert {t.number: t.user_attrs["retry_of"] for t in trials if "retry_of" in t.user_attrs} in ({2: 1}, {3: 1})


@slow
def test_killed_worker_is_replaced_at_once_and_its_neighbour_goes_on(
    start_app: StartApp, tmp_path: Path, sweep: Path
) -> None:
    gate = tmp_path / "gate"
    search = start_app("tracked.py", *PLAIN, f"wait_for={gate}", n_trials(4), *joblib(2))
    wait_for_jobs(sweep, 2)
    innocent, victim = running(trials_of(sweep))
    os.kill(victim.user_attrs["worker"]["pid"], signal.SIGKILL)
    wait_for_jobs(sweep, 3, 30)
    gate.touch()
    output = search.communicate(timeout=60)[0]
    assert search.returncode == 0, output
    trials = trials_of(sweep)
    assert [t.number for t in trials if "lost" in t.user_attrs] == [victim.number]
    assert len(finished(trials)) == 4 and trials[innocent.number].value is not None
    assert len({trial.user_attrs["worker"]["pid"] for trial in trials}) == 3


@slow
def test_workers_are_forked_from_one_process_and_its_death_costs_no_trial(
    start_app: StartApp, tmp_path: Path, sweep: Path
) -> None:
    gate = tmp_path / "gate"
    search = start_app("tracked.py", *SEARCH, f"wait_for={gate}", n_trials(6), *joblib(2), env={"A": "new interpreter"})
    wait_for_jobs(sweep, 2)
    first, second = (trial.user_attrs["worker"]["pid"] for trial in running(trials_of(sweep)))
    (server,) = {psutil.Process(pid).ppid() for pid in (first, second)}
    assert psutil.Process(server).ppid() == search.pid
    os.kill(server, signal.SIGKILL)
    os.kill(first, signal.SIGKILL)
    wait_for_jobs(sweep, 3, 60)
    gate.touch()
    output = search.communicate(timeout=60)[0]
    assert search.returncode == 0, output
    trials = trials_of(sweep)
    assert [t.user_attrs["worker"]["pid"] for t in trials if "lost" in t.user_attrs] == [first]
    assert len(finished(trials)) == 6
    assert Recorded(tmp_path).parent.info.status == "FINISHED"


@slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_environment_that_a_callback_changes_is_that_of_the_workers_which_are_prepared_before(
    run_app: RunApp, sweep: Path, n_jobs: int
) -> None:
    seen = "{new: '${oc.env:FROM_CALLBACK,absent}', gone: '${oc.env:FROM_START,absent}'}"
    own = ["+hydra.callbacks.setter._target_=tracked.SetsEnvironment", f"keep={seen}"]
    done = run_app("tracked.py", *PLAIN, *own, *joblib(n_jobs), n_trials(2), env={"FROM_START": "old"})
    assert done.returncode == 0, done.stderr
    assert [trial.user_attrs["kept"] for trial in trials_of(sweep)] == [{"new": "new", "gone": "absent"}] * 2


@slow
def test_search_that_is_refused_after_its_check_leaves_no_process_of_those_it_has_prepared(
    start_app: StartApp, tmp_path: Path
) -> None:
    away = "hydra.callbacks.mlflow.tracking_uri=nonsense://x"  # refused at once, while modules are imported
    search = start_app("tracked.py", *SEARCH, away, *joblib(2), env={"A": "new interpreter"})
    search.wait(timeout=60)  # not for the end of the output, which the process of theirs would hold open too
    left = [one.cmdline() for one in psutil.process_iter(["cwd"]) if one.info["cwd"] == str(tmp_path)]
    assert not left
    output = search.communicate(timeout=60)[0]
    assert search.returncode == 1 and "must start with one of" in output, output


@slow
def test_workers_are_the_same_processes_under_both_backends_of_joblibs_launcher(run_app: RunApp, sweep: Path) -> None:
    done = run_app("tracked.py", *PLAIN, *joblib(2), "hydra.launcher.backend=multiprocessing", n_trials(4))
    assert done.returncode == 0, done.stderr
    assert states(trials_of(sweep)) == dict.fromkeys(range(4), "COMPLETE")


KILL_WORKERS = """
import os, signal, sys
if "-c" in sys.orig_argv:
    os.kill(os.getpid(), signal.SIGKILL)
"""


@slow
def test_workers_that_die_as_they_start_end_the_search_with_one_message(run_app: RunApp, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(KILL_WORKERS)
    path = {"PYTHONPATH": f"{tmp_path}/site:{environment()['PYTHONPATH']}"}
    done = run_app("tracked.py", *PLAIN, *joblib(2), env=path)
    assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
    ended = "the workers end again and again before they have finished a trial (WorkerDied: killed by SIGKILL)"
    assert ended in done.stderr.splitlines()[-1]


@slow
def test_configuration_that_the_application_declares_in_main_goes_to_several_workers(
    run_app: RunApp, tmp_path: Path
) -> None:
    space = ("model=choice(narrow, wide)", "model.x=interval(0, 1)", "model.kind=choice(LINEAR, SQUARED)")
    own = ("hydra/sweeper=optuna_async", "hydra.sweeper.study_name=search", "hydra.sweep.dir=search", *joblib(2))
    for total in (4, 6):
        done = run_app("structured.py", "--multirun", *own, *space, "hydra.sweeper.report=false", n_trials(total))
        assert done.returncode == 0, done.stderr
    trials = trials_of(tmp_path / "search")
    assert states(trials) == dict.fromkeys(range(6), "COMPLETE")
    widths = {"narrow": 8, "wide": 64}
    assert all(t.value == t.params["model.x"] * widths[t.params["model"]] for t in trials)


@slow
def test_searches_that_nobody_has_named_do_not_share_a_study_though_they_start_at_once(
    start_app: StartApp, tmp_path: Path
) -> None:
    # %%S is no second, but the two characters: the searches start at once on a slow machine too
    named = ("hydra.sweeper.study_name=s-${now:%Y-%%S}", "hydra.sweep.dir=searches/${hydra.sweeper.study_name}")
    own = ("hydra/sweeper=optuna_async", "hydra/callbacks=mlflow", "hydra.callbacks.mlflow.run_name=s-${now:%Y-%%S}")
    rest = (*own, *named, "hydra.sweeper.report=false", "model.x=interval(0, 1)", n_trials(2))
    searches = [start_app("structured.py", "--multirun", *rest, f"model={model}") for model in ("wide", "narrow")]
    outputs = [search.communicate(timeout=120)[0] for search in searches]
    assert [search.returncode for search in searches] == [0, 0], "\n".join(outputs)
    names = {re.findall(r"Study name: (\S+)", output)[0] for output in outputs}
    first = min(names)
    assert names == {first, f"{first}-2"} == {path.name for path in (tmp_path / "searches").iterdir()}
    assert {run.info.run_name for run in Recorded(tmp_path).parents} == names


POOLS = ("--multirun", "hydra/sweeper=optuna_async", "hydra.sweeper.study_name=search", "hydra.sweep.dir=search")


@pytest.mark.parametrize("loader", [False, pytest.param(True, marks=slow)])
def test_job_gives_work_to_processes_of_its_own_on_what_its_main_module_defines(
    run_app: RunApp, tmp_path: Path, loader: bool
) -> None:
    if loader:
        pytest.importorskip("torch")
    own = (*joblib(2), n_trials(2), "method=fork,spawn", "hydra/sweeper/sampler=grid", f"loader={loader}")
    done = run_app("pools.py", *POOLS, *own)
    assert done.returncode == 0, done.stdout + done.stderr
    trials = trials_of(tmp_path / "search")
    assert [trial.value for trial in trials] == [100.0 if loader else 200.0] * 2
    assert {trial.params["method"] for trial in trials} == {"fork", "spawn"}


@slow
def test_processes_of_a_job_find_a_main_module_that_was_started_by_its_name(tmp_path: Path) -> None:
    own = ("hydra/launcher=joblib", "hydra.sweeper.n_jobs=2", "method=fork,spawn", "hydra/sweeper/sampler=grid")
    command = [sys.executable, "-W", "ignore", "-m", "pools", *POOLS, *own]
    env = environment({"PYTHONPATH": f"{APPS}:{ROOT}"})
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [trial.value for trial in trials_of(tmp_path / "search")] == [200.0] * 2
