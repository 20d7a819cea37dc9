"""Configurations that a project had before: what hydra-optuna-sweeper takes means the same here, or is named."""

from pathlib import Path

import pytest

from tests.conftest import RunApp
from tests.recorded import Recorded
from tests.studies import states, trials_of
from tests.tracked import PLAIN, SEARCH, n_trials

pytestmark = pytest.mark.slow

UPSTREAM = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"


@pytest.mark.parametrize("search", [PLAIN, SEARCH])
def test_class_of_the_other_sweeper_that_is_left_in_the_settings_is_named_with_the_remedy(
    run_app: RunApp, tmp_path: Path, search: tuple[str, ...]
) -> None:
    done = run_app("tracked.py", *search, f"hydra.sweeper._target_={UPSTREAM}")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "hydra.sweeper._target_: names hydra-optuna-sweeper's class" in done.stderr
    assert "Delete the line hydra.sweeper._target_" in done.stderr
    assert not list(tmp_path.rglob("optuna_journal.log"))


def test_constant_of_the_space_is_that_of_every_trial_unless_the_command_line_says_else(
    run_app: RunApp, tmp_path: Path
) -> None:
    constants = {"slope": 2.0, "branch": "b", "long_text": "from_the_space"}
    space = [f"+hydra.sweeper.params.{key}={value}" for key, value in constants.items()]
    seen = "keep={slope: '${slope}', branch: '${branch}', text: '${long_text}'}"
    done = run_app("tracked.py", *PLAIN, n_trials(2), *space, seen, "long_text=from_the_command")
    assert done.returncode == 0, done.stderr
    trials = trials_of(tmp_path / "multirun/search")
    assert [set(trial.params) for trial in trials] == [{"x"}] * 2
    expected = {"slope": 2.0, "branch": "b", "text": "from_the_command"}
    assert [trial.user_attrs["kept"] for trial in trials] == [expected] * 2
    assert [trial.value for trial in trials] == [2 * trial.params["x"] for trial in trials]


@pytest.mark.parametrize("bad", ["nan", "inf"])
def test_result_that_is_no_finite_number_fails_its_trial_and_ends_no_search_that_stops_at_the_first_failure(
    run_app: RunApp, tmp_path: Path, bad: str
) -> None:
    strict = ("hydra.sweeper.max_failure_rate=0.0", "hydra.sweeper.on_mismatch=warn")
    done = run_app("tracked.py", *PLAIN, n_trials(4), *strict, "bad_job=1", f"bad='{bad}'")
    assert done.returncode == 0, done.stderr
    assert states(trials_of(tmp_path / "multirun/search")) == {0: "COMPLETE", 1: "FAIL", 2: "COMPLETE", 3: "COMPLETE"}
    more = run_app("tracked.py", *PLAIN, n_trials(8), *strict, "bad_job=5", "bad=raise")
    assert more.returncode == 1 and "1 trials failed, more than max_failure_rate=0.0" in more.stderr


OWN_SWEEPER = """
_target_: hydra_plugins.hydra_optuna_async_sweeper.optuna_async_sweeper.OptunaAsyncSweeper
sampler: {_target_: optuna.samplers.TPESampler, seed: 1}
study_name: search
n_trials: 3
n_jobs: 1
params: {model.x: "interval(0, 1)"}
"""


@pytest.mark.parametrize("callback", [[], ["hydra/callbacks=mlflow"]])
def test_sweeper_of_the_applications_own_yaml_needs_no_metric_and_names_the_run_of_the_search(
    run_app: RunApp, tmp_path: Path, callback: list[str]
) -> None:
    (tmp_path / "conf/hydra/sweeper").mkdir(parents=True)
    (tmp_path / "conf/hydra/sweeper/own.yaml").write_text(OWN_SWEEPER)
    own = (f"hydra.searchpath=[file://{tmp_path}/conf]", "hydra/sweeper=own", "hydra.sweep.dir=multirun/search")
    tags = ["hydra.callbacks.mlflow.tags.team=vision", "hydra.callbacks.mlflow.tags.stage=first"] if callback else []
    done = run_app("structured.py", "--multirun", *own, *callback, *tags)
    assert done.returncode == 0, done.stderr
    assert states(trials_of(tmp_path / "multirun/search")) == dict.fromkeys(range(3), "COMPLETE")
    assert "value" in (tmp_path / "multirun/search/trials.csv").read_text().partition("\n")[0]
    if callback:
        parent = Recorded(tmp_path).parent
        assert parent.info.run_name == "search"
        assert (parent.data.tags["team"], parent.data.tags["stage"]) == ("vision", "first")


def test_run_of_a_search_without_a_study_name_is_named_as_the_study(run_app: RunApp, tmp_path: Path) -> None:
    named = ("hydra/sweeper=optuna_async", "hydra/callbacks=mlflow", "hydra.sweeper.n_trials=1")
    done = run_app("structured.py", "--multirun", *named, "hydra.sweep.dir=multirun/search", "model.x=interval(0, 1)")
    assert done.returncode == 0, done.stderr
    assert f"Study name: {Recorded(tmp_path).parent.info.run_name}\n" in done.stdout
