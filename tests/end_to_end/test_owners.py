"""Whose a trial is: containers with one host name, clocks that differ, other programs on the study."""

import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest
from optuna.trial import TrialState

from tests.conftest import StartApp, command, environment, wait_for
from tests.recorded import Recorded
from tests.studies import states, trials_of
from tests.tracked import NO_MLFLOW, SEARCH, joblib, wait_for_jobs

pytestmark = pytest.mark.slow

CONTAINER = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def in_container(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a search where no other process can be seen, under the host's name."""
    if subprocess.run([*CONTAINER, "true"], check=False, capture_output=True).returncode:
        pytest.skip("may not make a PID namespace")
    started = [*CONTAINER, *command("tracked.py", (*SEARCH, *arguments))]
    return subprocess.Popen(
        started, cwd=folder, env=environment(env), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def test_two_containers_with_one_host_name_share_a_search_and_run_each_trial_once(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    arguments = ("hydra.sweeper.n_trials=12", f"wait_for={gate}", *joblib(2))
    searches = [in_container(tmp_path, *arguments) for _ in range(2)]
    wait_for_jobs(tmp_path / "multirun/search", 4)  # two of each
    gate.touch()
    outputs = [search.communicate(timeout=120)[0] for search in searches]
    assert [search.returncode for search in searches] == [0, 0], "\n".join(outputs)
    trials = trials_of(tmp_path / "multirun/search")
    assert states(trials) == dict.fromkeys(range(12), "COMPLETE")
    assert len({trial.user_attrs["worker"]["machine"] for trial in trials}) == 2, "both must have worked"
    assert Recorded(tmp_path).statuses() == {f"trial-{i}": "FINISHED" for i in range(12)}


SKEW = """
    import time
    true_time = time.time
    time.time = lambda: true_time() - 7200
"""


def test_clock_of_another_machine_that_is_two_hours_late_costs_no_trial(tmp_path: Path) -> None:
    (tmp_path / "late").mkdir()
    (tmp_path / "late/sitecustomize.py").write_text(textwrap.dedent(SKEW))
    late = {"PYTHONPATH": f"{tmp_path}/late:{environment()['PYTHONPATH']}"}
    arguments = (NO_MLFLOW, "hydra.sweeper.n_trials=2", "seconds=18")  # a heartbeat comes after 15 s
    searches = [in_container(tmp_path, *arguments, env=env) for env in (late, None)]
    outputs = [search.communicate(timeout=120)[0] for search in searches]
    assert [search.returncode for search in searches] == [0, 0], "\n".join(outputs)
    trials = trials_of(tmp_path / "multirun/search")
    assert states(trials) == {0: "COMPLETE", 1: "COMPLETE"}
    assert len({trial.user_attrs["worker"]["machine"] for trial in trials}) == 2, "both must have worked"


PLAIN_OPTUNA = """
    import sys, time, optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        time.sleep(25)
        return x

    storage = JournalStorage(JournalFileBackend(sys.argv[1]))
    study = optuna.load_study(study_name="search", storage=storage)
    study.optimize(objective, n_trials=1)
    print("its own trial:", max(trial.number for trial in study.trials if trial.user_attrs.get("worker") is None))
"""


def test_trial_of_a_plain_optuna_program_on_the_study_is_its_own_and_not_waited_for(
    start_app: StartApp, tmp_path: Path
) -> None:
    sweep, gate = tmp_path / "multirun/search", tmp_path / "gate"
    search = start_app("tracked.py", *SEARCH, NO_MLFLOW, f"wait_for={gate}", "hydra.sweeper.n_trials=4")
    wait_for(lambda: (sweep / "0/waiting").exists(), 60, "the first job")
    code = textwrap.dedent(PLAIN_OPTUNA)
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(sweep / "optuna_journal.log")],
        env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    output = other.communicate(timeout=60)[0]
    assert other.returncode == 0 and "its own trial" in output, output
    gate.touch()
    assert search.wait(60) == 0
    trials = trials_of(sweep)
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETE: 4}
    assert [trial.number for trial in trials if "worker" not in trial.user_attrs] == [1]
    assert not any("lost" in trial.user_attrs for trial in trials)


def test_search_ends_beside_a_trial_that_a_dead_program_has_left_running(start_app: StartApp, tmp_path: Path) -> None:
    sweep, gate = tmp_path / "multirun/search", tmp_path / "gate"
    search = start_app("tracked.py", *SEARCH, NO_MLFLOW, f"wait_for={gate}", "hydra.sweeper.n_trials=4")
    wait_for(lambda: (sweep / "0/waiting").exists(), 60, "the first job")
    code = textwrap.dedent(PLAIN_OPTUNA)
    other = subprocess.Popen([sys.executable, "-c", code, str(sweep / "optuna_journal.log")], env=environment())
    wait_for(lambda: any(t.params and not t.user_attrs.get("worker") for t in trials_of(sweep)), 30, "its trial")
    other.kill()
    other.wait()
    gate.touch()
    assert search.wait(60) == 0
    found = Counter(trial.state for trial in trials_of(sweep))
    assert found == {TrialState.COMPLETE: 4, TrialState.RUNNING: 1}
