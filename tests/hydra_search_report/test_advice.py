import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search_report._advice import Advice, advise
from hydra_plugins.hydra_search_report._ranges import wider
from hydra_plugins.hydra_search_report.report import SearchFacts
from tests.searches import CONDITIONAL, FACTS, made_up

from .known import KNOWN


def kinds(advice: Sequence[Advice]) -> list[str]:
    return [item.kind for item in advice]


def line(distribution: BaseDistribution, values: Sequence[float]) -> list[FrozenTrial]:
    """Trials whose objective is the place of the value in the list: the last is the best."""
    return [
        made_up(n, values=[float(n)], params={"k": value}, distributions={"k": distribution})
        for n, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("distribution", "best", "override"),
    [
        (FloatDistribution(0.01, 1000, log=True), 999.0, "'k=tag(log, interval(0.01, 10000.0))'"),
        (FloatDistribution(0.01, 1000, log=True), 0.0101, "'k=tag(log, interval(0.001, 1000.0))'"),
        (FloatDistribution(0.01, 1000, log=True), 600.0, None),  # 4 % below the edge on its own scale
        (FloatDistribution(-1, 2), 1.99, "'k=interval(-1.0, 5.0)'"),
        (FloatDistribution(-1, 2), -0.99, "'k=interval(-4.0, 2.0)'"),
        (FloatDistribution(0, 2), 0.0, None),  # nothing below 0
        (FloatDistribution(0, 1), 1.0, None),  # a fraction
        (FloatDistribution(0.5, 2), 0.5, "'k=interval(0.25, 2.0)'"),
        (IntDistribution(2, 20), 20, "'k=int(interval(2, 38))'"),
        (IntDistribution(8, 20), 8, "'k=int(interval(4, 20))'"),
        (IntDistribution(1, 20), 1, None),  # a least count
        (IntDistribution(1, 3), 3, None),  # of three values, one is at the edge by chance
        (IntDistribution(4, 64, log=True), 64, "'k=int(tag(log, interval(4, 640)))'"),
    ],
)
def test_best_value_at_an_edge_widens_the_range(
    distribution: FloatDistribution | IntDistribution, best: float, override: str | None
) -> None:
    middle = type(best)(math.sqrt(distribution.low * distribution.high) if distribution.log else 1)
    trials = line(distribution, [middle] * 10 + [best] * 3)
    found = advise(FACTS, trials)
    assert [item.override for item in found] == ([override] if override else [])
    for item in found:
        assert f"{best:.4g}" in item.text
        assert OverridesParser.create().parse_override(item.override.strip("'")).is_sweep_override()


def test_best_value_that_stands_at_an_edge_alone_is_chance() -> None:
    assert not advise(FACTS, line(FloatDistribution(-1, 2), [0.5] * 10 + [1.99]))


def test_few_trials_or_several_objectives_tell_nothing_of_edges() -> None:
    distribution = FloatDistribution(-1, 2)
    assert not advise(FACTS, line(distribution, [0.0, 2.0]))
    two = replace(FACTS, directions=("maximize", "minimize"), metrics=("a", "b"))
    trials = [made_up(n, values=[n, n], params={"k": 2.0}, distributions={"k": distribution}) for n in range(20)]
    assert not advise(two, trials)


def test_key_of_several_branches_is_named_without_an_override() -> None:
    trials = [
        made_up(n, values=[n], params={"model": "svm", "svm/model.C": 1000.0 if n >= 9 else 1.0},
                distributions={"model": CategoricalDistribution(["svm", "lr"]),
                               "svm/model.C": FloatDistribution(0.01, 1000, log=True)})
        for n in range(12)
    ]  # fmt: skip
    rows = [replace(row, name=f"{row.branch[0][1]}/{row.key}") for row in CONDITIONAL.space if row.key == "model.C"]
    rows += [replace(rows[0], name="lr/model.C", branch=(("model", "lr"),))]
    (found,) = advise(replace(CONDITIONAL, space=(*CONDITIONAL.space[:2], *rows)), trials)
    assert found.text.startswith("Widen model.C (model=svm): its best value 1000 is at the upper edge 1000")
    assert found.override == ""
    assert wider(CategoricalDistribution(["a"]), upper=True) is None


def drawn(count: int, value: Callable[[dict[str, Any]], float], seed: int = 1) -> list[FrozenTrial]:
    """Trials over a choice and two numbers, drawn evenly."""
    draw = random.Random(seed)
    space = {"kind": CategoricalDistribution(["a", "b"]), "x": FloatDistribution(0, 1), "idle": FloatDistribution(0, 1)}
    trials = []
    for number in range(count):
        params = {"kind": "ab"[number % 2], "x": draw.random(), "idle": draw.random()}
        trials.append(made_up(number, values=[value(params)], params=params, distributions=space))
    return trials


def unimportant(trials: list[FrozenTrial], facts: SearchFacts = FACTS) -> list[str]:
    """The keys of the parameters that the advice calls unimportant."""
    return [item.text.split()[1].rstrip(":") for item in advise(facts, trials) if item.kind == "unimportant"]


def test_parameter_that_makes_no_difference_is_named_where_it_was_tried_evenly() -> None:
    trials = drawn(80, lambda params: params["x"] + 0.3 * (params["kind"] == "b"))
    assert unimportant(trials) == ["idle"]
    assert not unimportant(trials[:39])


def test_parameter_whose_good_option_the_sampler_took_nearly_always_is_not_called_unimportant() -> None:
    draw, space = random.Random(3), {"preprocessor": CategoricalDistribution(["none", "standard"])}
    taken = ["none" if number in (2, 9, 17) else "standard" for number in range(60)]
    trials = [
        made_up(n, values=[(0.684 if option == "none" else 0.928) + draw.gauss(0, 0.01)],
                params={"preprocessor": option}, distributions=space)
        for n, option in enumerate(taken)
    ]  # fmt: skip
    assert not unimportant(trials)


def test_parameter_that_decides_only_with_another_is_not_called_unimportant() -> None:
    assert unimportant(drawn(120, lambda params: float((params["kind"] == "a") == (params["x"] > 0.5)))) == ["idle"]


def test_parameter_whose_bad_option_was_pruned_or_failed_is_not_called_unimportant() -> None:
    good = drawn(120, lambda params: params["x"])
    for state, attributes in ((TrialState.PRUNED, {}), (TrialState.FAIL, {"error": "ValueError: no"})):
        trials = [
            made_up(t.number, state, params=t.params, distributions=t.distributions, **attributes)
            if t.params["idle"] > 0.5 and t.number % 3
            else t
            for t in good
        ]
        assert "idle" not in unimportant(trials)


def test_parameter_that_matters_for_one_objective_is_not_called_unimportant() -> None:
    two = replace(FACTS, directions=("maximize", "minimize"), metrics=("accuracy", "seconds"))
    trials = drawn(80, lambda params: params["x"])
    for trial in trials:
        trial.values = [trial.values[0], trial.params["idle"]]
    assert not {"x", "idle"} & set(unimportant(trials, two))


@pytest.mark.slow
@pytest.mark.parametrize("name", KNOWN)
def test_what_tpe_has_searched_is_hardly_ever_called_unimportant_where_it_matters(name: str) -> None:
    known = KNOWN[name]
    found = [key for seed in range(20) for key in unimportant(known.trials(seed), replace(FACTS, space=known.space))]
    assert sum(key not in known.idle for key in found) <= 1, Counter(found)


def test_workers_that_wait_are_told_with_their_share() -> None:
    trials = [made_up(n, values=[n], worker=1 + n % 2, start=10.0 * n, seconds=2) for n in range(8)]
    (found,) = advise(FACTS, trials)
    assert found.text.startswith("The 2 workers ran trials in 11% of their time (16 s of 144 s)")
    busy = [made_up(n, values=[n], worker=1 + n % 2, start=10.0 * (n // 2), seconds=9.9) for n in range(8)]
    assert not advise(FACTS, busy)


def test_workers_that_never_came_are_told() -> None:
    trials = [made_up(n, values=[n], worker=1, start=10.0 * n, seconds=9) for n in range(24)]
    (found,) = advise(replace(FACTS, n_jobs=8), trials)
    assert found.text.startswith("Only 1 of 8 workers ran trials")
    assert found.override == "n_jobs=1"


def test_workers_that_never_came_are_lowered_by_the_sweepers_key_where_no_other_is_known() -> None:
    trials = [made_up(n, values=[n], worker=1, start=10.0 * n, seconds=9) for n in range(24)]
    (found,) = advise(replace(FACTS, n_jobs=8, n_jobs_key="hydra.sweeper.n_jobs"), trials)
    assert "lower hydra.sweeper.n_jobs," in found.text
    assert found.override == "hydra.sweeper.n_jobs=1"


def test_pause_between_two_sessions_is_no_idleness() -> None:
    first = [made_up(n, values=[n], worker=1, start=float(n), seconds=1) for n in range(4)]
    second = [
        made_up(n, values=[n], start=9000 + 5.0 * (n // 2), seconds=5, worker=5 + n % 2, sweeper=2)
        for n in range(4, 10)
    ]  # fmt: skip
    assert not advise(FACTS, [*first, *second])


def test_failures_of_one_kind_are_counted() -> None:
    good = [made_up(n, values=[n]) for n in range(9)]
    bad = [made_up(9 + n, TrialState.FAIL, error=f"ValueError: no rows\nline {n}") for n in range(3)]
    (found,) = advise(FACTS, [*good, *bad])
    assert found.text == "3 of 12 trials failed for the same reason, trial 9 first: ValueError: no rows"
    alike = [made_up(9 + n, TrialState.FAIL, error=f"ValueError: {-1.5 - n}") for n in range(3)]
    (found,) = advise(FACTS, alike)
    assert found.text == "3 of 3 trials failed for the same reason, trial 9 first: ValueError: -1.5"
    other = [made_up(9 + n, TrialState.FAIL, error=f"ValueError: {'abc'[n]}") for n in range(3)]
    assert not advise(FACTS, [*good, *other])
    stopped = [made_up(9 + n, TrialState.FAIL, lost="interrupted") for n in range(3)]
    assert not advise(FACTS, [*good, *stopped])
    lost = [made_up(9 + n, TrialState.FAIL, lost="killed by signal 9", retries=n) for n in range(3)]
    (found,) = advise(FACTS, [*good, *lost])
    assert found.text.endswith("trial 9 first: killed by signal 9")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1.0] * 12, "All 12 finished trials have the same accuracy, 1"),
        ([1.0] * 8 + [0.5] * 4, "8 of 12 finished trials share the best accuracy, 1"),
        ([0.5] * 8 + [1.0] * 4, None),
    ],
)
def test_objective_that_tells_nothing_apart_is_named(values: list[float], text: str | None) -> None:
    found = advise(FACTS, [made_up(n, values=[value]) for n, value in enumerate(values)])
    assert [item.text[: len(text or "")] for item in found] == ([text] if text else [])


@pytest.mark.parametrize(("pruner", "curve", "told"), [
    ("MedianPruner()", None, True), ("MedianPruner()", {0: 1.0}, False), ("NopPruner()", None, False),
    (None, None, False),
])  # fmt: skip
def test_pruner_without_reported_values_is_told(pruner: str | None, curve: dict[int, float] | None, told: bool) -> None:
    trials = [made_up(n, values=[n], curve=curve) for n in range(6)]
    assert kinds(advise(replace(FACTS, pruner=pruner), trials)) == ["unreported"] * told


def test_warning_that_the_best_job_gives_about_itself_is_repeated() -> None:
    trials = [
        made_up(n, values=[0.9 if n == 3 else n / 100], **({"warning": "one class"} if n == 3 else {}))
        for n in range(6)
    ]
    (found,) = advise(FACTS, trials)
    assert found.text == "1 of 6 finished trials warn, the best among them: one class"
    assert not advise(
        FACTS, [made_up(n, values=[n / 100], **({"warning": "one class"} if n == 3 else {})) for n in range(6)]
    )


@pytest.mark.parametrize(
    ("metric", "values", "told"),
    [
        ("balanced_accuracy", [0.5] * 12, True),
        ("balanced_accuracy", [1 / 3, 0.2, 1 / 3, 0.1], True),
        ("balanced_accuracy", [0.5, 0.52, 0.5, 0.5], False),
        ("balanced_accuracy", [1.0] * 4, False),
        ("roc_auc", [0.5, 0.49, 0.48], True),
        ("accuracy", [0.5, 0.4, 0.3], False),
    ],
)
def test_best_that_predicting_the_majority_class_would_reach_is_told(
    metric: str, values: list[float], told: bool
) -> None:
    found = advise(replace(FACTS, metrics=(metric,)), [made_up(n, values=[value]) for n, value in enumerate(values)])
    assert any("predicting the majority class" in item.text for item in found) is told
