"""What upstream's `optuna` and `optuna_async` have in common, on every launcher and storage."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import RunApp
from tests.recorded import Recorded
from tests.studies import states, trials_of

slow = pytest.mark.slow


@dataclass(frozen=True)
class Case:
    """A sweeper with a launcher and a storage."""

    sweeper: str
    launcher: str
    storage: str = "none"

    def arguments(self, folder: Path) -> list[str]:
        config = {"optuna": "config", "optuna_async": "asynchronous"}[self.sweeper]
        parallel = ["hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=2"] if self.launcher == "joblib" else []
        stored = [f"hydra.sweeper.storage={self.url(folder)}"] if self.storage == "sqlite" else []
        named = ["hydra.sweeper.study_name=search"]
        return ["--multirun", f"--config-name={config}", f"hydra/launcher={self.launcher}", *parallel, *stored, *named]

    def url(self, folder: Path) -> str:
        return f"sqlite:///{folder}/study.db"

    def kept_in(self, folder: Path) -> str | Path | None:
        """Where the study can be read after the search; upstream's default is in memory."""
        return {"none": None, "journal": folder / "multirun/search", "sqlite": self.url(folder)}[self.storage]


CASES = [
    pytest.param(case, id=f"{case.sweeper}-{case.launcher}-{case.storage}", marks=marks)
    for case, marks in [
        (Case("optuna_async", "joblib", "journal"), []),
        (Case("optuna_async", "joblib", "sqlite"), slow),
        (Case("optuna_async", "basic", "journal"), slow),
        (Case("optuna_async", "basic", "sqlite"), slow),
        (Case("optuna", "basic"), slow),
        (Case("optuna", "joblib"), slow),
    ]
]
NO_MLFLOW = "hydra.callbacks.mlflow.enabled=false"
TWO = (
    "objectives=2", "hydra.sweeper.direction=[maximize, minimize]", "hydra.callbacks.mlflow.metric=[gain, cost]",
    "hydra.callbacks.mlflow.direction=[maximize, minimize]",
)  # fmt: skip


def results(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((folder / "multirun/search/optimization_results.yaml").read_text())
    return content


def x_of_job(folder: Path, number: int) -> float:
    lines = yaml.safe_load((folder / f"multirun/search/{number}/.hydra/overrides.yaml").read_text())
    return float(dict(line.split("=") for line in lines)["x"])


def directories(folder: Path) -> list[int]:
    return sorted(int(path.name) for path in (folder / "multirun/search").iterdir() if path.name.isdecimal())


@pytest.mark.parametrize("case", CASES)
def test_search_runs_its_trials_and_tells_the_best(run_app: RunApp, tmp_path: Path, case: Case) -> None:
    done = run_app("tracked.py", *case.arguments(tmp_path), "hydra.sweeper.n_trials=5")
    assert done.returncode == 0, done.stderr
    assert directories(tmp_path) == list(range(5))
    points = {number: x_of_job(tmp_path, number) for number in range(5)}
    assert len(set(points.values())) == 5
    best = max(points, key=points.__getitem__)

    found = results(tmp_path)
    added = {"best_trial": best, "best_job_dir": str(tmp_path / f"multirun/search/{best}")}
    expected = {"name": "optuna", "best_params": {"x": points[best]}, "best_value": points[best]}
    assert found == (expected | added if case.sweeper == "optuna_async" else expected)
    found_best = f"Best trial: {best}, value {points[best]:.4g}, x={points[best]:.4g}\n"
    if case.sweeper != "optuna_async":  # upstream's own words
        found_best = f"Best value: {points[best]}\n"
    for line in (
        "Study name: search", "Storage: ", "Sampler: TPESampler", "Directions: ['maximize']", found_best,
    ):  # fmt: skip
        assert done.stdout.count(line) == 1, line
    started = re.findall(r"\t#(\d+) : ", done.stdout + done.stderr)
    assert len(started) == 5, "a line for each job, from whichever process"
    if case.sweeper == "optuna_async":  # upstream's joblib launcher counts from 0 in each batch
        assert sorted(map(int, started)) == list(range(5))
        for i, x in points.items():  # a line has what is of its trial alone, in few digits
            assert f"\t#{i} : x={x:.4g}\n" in done.stdout and f"Trial {i} finished: value {x:.4g}\n" in done.stdout

    assert Recorded(tmp_path).statuses() == {f"trial-{i}": "FINISHED" for i in range(5)}
    if where := case.kept_in(tmp_path):
        trials = trials_of(where)
        assert {trial.number: trial.params["x"] for trial in trials} == points
        assert states(trials) == dict.fromkeys(range(5), "COMPLETE")


@slow
@pytest.mark.parametrize("case", CASES)
def test_failed_trial_does_not_end_the_search(run_app: RunApp, tmp_path: Path, case: Case) -> None:
    done = run_app("tracked.py", *case.arguments(tmp_path), NO_MLFLOW, "hydra.sweeper.n_trials=5", "bad_job=2")
    assert done.returncode == 0, done.stderr
    assert directories(tmp_path) == list(range(5))
    points = {number: x_of_job(tmp_path, number) for number in range(5)}
    assert results(tmp_path)["best_value"] == max(x for number, x in points.items() if number != 2)
    if where := case.kept_in(tmp_path):
        assert states(trials_of(where)) == dict.fromkeys(range(5), "COMPLETE") | {2: "FAIL"}


@slow
@pytest.mark.parametrize("case", [case for case in CASES if "sqlite" not in str(case.id)])
def test_first_failure_ends_the_search_where_none_is_allowed(run_app: RunApp, tmp_path: Path, case: Case) -> None:
    arguments = [NO_MLFLOW, "bad_job=1", "hydra.sweeper.max_failure_rate=0", "hydra.sweeper.n_trials=40", "seconds=0.1"]
    done = run_app("tracked.py", *case.arguments(tmp_path), *arguments)
    assert done.returncode == 1
    assert "the job broke on purpose" in done.stdout + done.stderr
    assert len(directories(tmp_path)) <= 4


@slow
@pytest.mark.parametrize("case", CASES)
def test_search_of_two_objectives_tells_the_solutions_that_none_beats(
    run_app: RunApp, tmp_path: Path, case: Case
) -> None:
    done = run_app("tracked.py", *case.arguments(tmp_path), NO_MLFLOW, *TWO, "hydra.sweeper.n_trials=6")
    assert done.returncode == 0, done.stderr
    found = results(tmp_path)
    assert set(found) == {"name", "solutions"} and found["name"] == "optuna"
    points = {number: (x, abs(x - 0.5)) for number, x in ((i, x_of_job(tmp_path, i)) for i in range(6))}
    front = {p for p in points.values() if not any(q != p and q[0] >= p[0] and q[1] <= p[1] for q in points.values())}
    assert {tuple(solution["values"]) for solution in found["solutions"]} == front
    for solution in found["solutions"]:
        assert solution["params"] == {"x": solution["values"][0]}
        if case.sweeper == "optuna_async":
            assert points[solution["best_trial"]] == tuple(solution["values"])
    assert f"Number of Pareto solutions: {len(front)}" in done.stdout
    assert "Directions: ['maximize', 'minimize']" in done.stdout
