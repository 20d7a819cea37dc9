"""Constraints: every place names the best trial that keeps them."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from hydra_plugins.hydra_search.trials import is_feasible
from tests.conftest import RunApp
from tests.recorded import Recorded
from tests.studies import finished, trials_of
from tests.tracked import joblib

pytestmark = pytest.mark.slow

SEARCH = ("--multirun", "--config-name=asynchronous", "hydra.sweeper.report=true", "measures={cost: ${x}}")
BOUND = "hydra.sweeper.constraints={cost: '<= 0.5'}"


@pytest.mark.parametrize(("totals", "workers"), [((4, 6), ()), ((6,), joblib(2))], ids=["resumed", "two workers"])
def test_best_is_the_best_of_those_that_keep_the_constraints_everywhere_also_after_a_resume(
    run_app: RunApp, tmp_path: Path, totals: tuple[int, ...], workers: Sequence[str]
) -> None:
    sweep = tmp_path / "multirun/search"
    for n_trials in totals:
        done = run_app("tracked.py", *SEARCH, BOUND, f"hydra.sweeper.n_trials={n_trials}", *workers)
        assert done.returncode == 0, done.stdout + done.stderr
    trials = finished(trials_of(sweep))
    kept = [trial for trial in trials if is_feasible(trial)]
    assert {trial.number for trial in kept} == {trial.number for trial in trials if trial.params["x"] <= 0.5}
    assert 0 < len(kept) < len(trials) == 6
    best = max(kept, key=lambda trial: trial.value or 0)
    assert f"Feasible: {len(kept)} of 6 finished trials keep the constraints (cost <= 0.5)" in done.stdout
    results = yaml.safe_load((sweep / "optimization_results.yaml").read_text())
    assert (results["best_value"], results["best_trial"]) == (best.value, best.number)
    assert results["feasible_trials"] == len(kept)
    assert f"{len(kept)} of 6 finished are feasible" in (sweep / "summary.md").read_text()
    assert Recorded(tmp_path).parent.data.metrics["best_value"] == best.value
    table = list(csv.DictReader((sweep / "trials.csv").read_text().splitlines()))
    assert [row["reason"].startswith("infeasible: cost by ") for row in table] == [t not in kept for t in trials]


def test_other_constraints_on_resume_are_refused_and_a_missing_number_fails_the_trial(
    run_app: RunApp, tmp_path: Path
) -> None:
    plain = [*SEARCH, "hydra.callbacks.mlflow.enabled=false"]
    assert run_app("tracked.py", *plain, BOUND, "hydra.sweeper.n_trials=2").returncode == 0
    other = run_app("tracked.py", *plain, "hydra.sweeper.constraints={cost: '<= 0.7'}")
    assert other.returncode == 1 and "hydra.sweeper.constraints.cost: <= 0.5 -> <= 0.7" in other.stderr
    absent = run_app("tracked.py", *plain, "hydra.sweeper.constraints={price: '>= 1'}", "hydra.sweep.dir=multirun/p")
    assert absent.returncode == 1
    assert "the job must leave a number price" in absent.stdout
    assert "The numbers that it has left: cost" in absent.stdout


def test_worker_that_is_killed_after_its_job_leaves_word_that_the_constraints_are_broken(
    run_app: RunApp, tmp_path: Path, sweep: Path
) -> None:
    killer = ("hydra/callbacks=killer_last_to_hear", *joblib(1), "hydra.sweeper.max_retries=9")
    # Trial 1, whose worker is killed, is the better one and breaks the bound.
    points = "hydra.sweeper.enqueue=[{x: 0.25}, {x: 0.9}]"
    done = run_app("tracked.py", *SEARCH, BOUND, points, "hydra.sweeper.n_trials=2", *killer)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [(trial.state.name, is_feasible(trial)) for trial in trials_of(sweep)] == [
        ("COMPLETE", True), ("COMPLETE", False)
    ]  # fmt: skip
    assert yaml.safe_load((sweep / "optimization_results.yaml").read_text())["best_trial"] == 0
    assert Recorded(tmp_path).parent.data.metrics["best_value"] == 0.25
