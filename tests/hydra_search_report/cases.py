"""Searches of every kind, for the tests of the report."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search_report.report import SearchFacts
from tests.searches import CONDITIONAL, FACTS, conditional, made_up

X = {"x": FloatDistribution(0, 1)}
ODD = CategoricalDistribution([None, True, False, "[50,50]"])


def plain(count: int) -> list[FrozenTrial]:
    return [made_up(n, values=[n / 10], params={"x": n / 10}, distributions=X, worker=7) for n in range(count)]


def after_an_interruption() -> list[FrozenTrial]:
    lost = made_up(3, TrialState.FAIL, worker=7, lost="worker lost")
    again = made_up(5, TrialState.WAITING, retry_of=3, retries=1)
    return [*plain(3), lost, made_up(4, TrialState.RUNNING, worker=8), again]


def with_odd_values() -> list[FrozenTrial]:
    curve = {0: float("nan"), 1: float("inf"), 2: 0.5}
    space = {"kind": ODD, "n": CategoricalDistribution([1, 10, 100]), "fixed": IntDistribution(3, 3)}
    return [
        made_up(n, values=[float("inf") if n == 7 else n / 9], curve=curve, distributions=space,
                params={"kind": ODD.choices[n % 4], "n": 10 ** (n % 3), "fixed": 3})
        for n in range(9)
    ]  # fmt: skip


def with_markup() -> list[FrozenTrial]:
    bad = "</script><script>window.hurt=1</script><img src=http://evil.example/x>$title"
    space = {bad: CategoricalDistribution([bad, "b"])}
    done = [made_up(n, values=[n], params={bad: (bad, "b")[n % 2]}, distributions=space) for n in range(5)]
    return [*done, made_up(5, TrialState.FAIL, error=f"{bad}\nsecond line")]


TWO = replace(FACTS, directions=("maximize", "minimize"), metrics=("accuracy", "seconds"))
CASES: dict[str, tuple[SearchFacts, list[FrozenTrial]]] = {
    "no trial": (FACTS, []),
    "one": (FACTS, plain(1)),
    "two": (FACTS, plain(2)),
    "none finished": (FACTS, [made_up(0, TrialState.RUNNING, worker=7), made_up(1, TrialState.WAITING)]),
    "only failed": (FACTS, [made_up(n, TrialState.FAIL, error="ValueError: no") for n in range(4)]),
    "only pruned": (FACTS, [made_up(n, TrialState.PRUNED, curve={0: 0.1}) for n in range(4)]),
    "interrupted": (FACTS, after_an_interruption()),
    "conditional": (CONDITIONAL, conditional(80)),
    "two objectives": (replace(TWO, space=CONDITIONAL.space), conditional(60, objectives=2)),
    "three objectives": (
        replace(FACTS, directions=("minimize",) * 3, metrics=("a", "b", "c")),
        [made_up(n, values=[n, 9 - n, n % 3], params={"x": n / 9}, distributions=X) for n in range(9)],
    ),
    "four objectives": (
        replace(FACTS, directions=("minimize",) * 4, metrics=("a", "b", "c", "d")),
        [made_up(n, values=[n, 9 - n, n % 3, 1], params={"x": n / 9}, distributions=X) for n in range(9)],
    ),
    "all equal": (FACTS, [made_up(n, values=[1.0], params={"x": n / 30}, distributions=X) for n in range(30)]),
    "odd values": (FACTS, with_odd_values()),
    "markup": (replace(FACTS, study_name="<b>&$1</script>", fixed=("a='</style>'",)), with_markup()),
    "two thousand": (CONDITIONAL, conditional(2000)),
}  # fmt: skip


def job(directory: Path, number: int, lines: Sequence[str]) -> None:
    (directory / str(number) / ".hydra").mkdir(parents=True)
    (directory / str(number) / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(list(lines)))
