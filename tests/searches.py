"""Makes up searches: facts, and trials of every state with all that a worker writes, without running anything."""

import math
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search_report.report import SearchFacts, SpaceRow

START = datetime(2026, 3, 1, 12)
FACTS = SearchFacts(
    study_name="demo", directions=("maximize",), metrics=("accuracy",), n_trials=20, n_jobs=2,
    directory="multirun/demo", program="python train.py", n_jobs_key="n_jobs",
    command="python train.py --multirun study_name=demo", sampler="TPESampler(seed=42)",
    seed=42, choices={"dataset": "digits", "model": "svm"}, max_retries=2, versions={"python": "3.12.1"},
    git_commit="0123456789abcdef", git_dirty=True, started=1772366400.0, storage="multirun/demo/optuna_journal.log",
)  # fmt: skip

SVM, FOREST = (("model", "svm"),), (("model", "forest"),)
SPACE = (
    SpaceRow("preprocessor", "preprocessor", "choice(none, standard)"),
    SpaceRow("model", "model", "svm, forest"),
    SpaceRow("model.C", "model.C", "tag(log, interval(1e-2, 1e3))", SVM),
    SpaceRow("model.gamma", "svm/model.gamma", "tag(log, interval(1e-4, 1))", SVM),
    SpaceRow("model.class_weight", "model.class_weight", "balanced, null", SVM),
    SpaceRow("model.depth", "model.depth", "int(interval(2, 20))", FOREST),
    SpaceRow("model.features", "model.features", "interval(0.1, 1.0)", FOREST),
    SpaceRow("model.leaf", "model.leaf", "int(interval(1, 30))", FOREST),
)
CONDITIONAL = replace(FACTS, space=SPACE, choices={"dataset": "digits"})
DISTRIBUTIONS: dict[str, BaseDistribution] = {
    "preprocessor": CategoricalDistribution(["none", "standard"]),
    "model": CategoricalDistribution(["svm", "forest"]),
    "model.C": FloatDistribution(1e-2, 1e3, log=True),
    "svm/model.gamma": FloatDistribution(1e-4, 1, log=True),
    "model.class_weight": CategoricalDistribution(["balanced", None]),
    "model.depth": IntDistribution(2, 20),
    "model.features": FloatDistribution(0.1, 1.0),
    "model.leaf": IntDistribution(1, 30),
}


def made_up(
    number: int, state: TrialState = TrialState.COMPLETE, *, values: list[float] | None = None,
    params: dict[str, Any] | None = None, distributions: dict[str, BaseDistribution] | None = None, worker: int = 0,
    sweeper: int = 1, start: float | None = None, seconds: float = 2.0, curve: dict[int, float] | None = None,
    **attributes: object,
) -> FrozenTrial:  # fmt: skip
    """Return one trial; `worker` and `sweeper` are process numbers, a 0 is not recorded; `start` is in seconds."""
    begun = None if state is TrialState.WAITING else START + timedelta(seconds=2.5 * number if start is None else start)
    end = begun + timedelta(seconds=seconds) if begun and state.is_finished() else None
    owner = {"worker": {"host": "node", "pid": worker, "started": 0.0, "sweeper": {"pid": sweeper}}} if worker else {}
    return FrozenTrial(
        number=number, trial_id=number, state=state, value=None, values=values, datetime_start=begun,
        datetime_complete=end, params=params or {}, distributions=distributions or {},
        user_attrs={**owner, **attributes}, system_attrs={}, intermediate_values=curve or {},
    )  # fmt: skip


def conditional(count: int, *, objectives: int = 1, workers: int = 4) -> list[FrozenTrial]:
    """Return a finished search over two models: some trials pruned, some failed, one lost and tried again."""
    draw = random.Random(7)
    trials, busy = [], [0.0] * workers
    for number in range(count):
        svm = draw.random() < 0.25 + 0.6 * (number > count / 3)
        params: dict[str, Any] = {
            "preprocessor": draw.choice(["none", "standard"]),
            "model": "svm" if svm else "forest",
        }
        focus = 0.35 if number > count / 2 else 1.0
        if svm:
            exponent = draw.gauss(2.8, 2 * focus)
            params["model.C"] = min(1e3, max(1e-2, 10**exponent))
            params["svm/model.gamma"] = 10 ** min(0.0, max(-4.0, draw.gauss(-2.2, 1.2 * focus)))
            params["model.class_weight"] = draw.choice(["balanced", None])
            score = 0.98 - 0.02 * (3 - math.log10(params["model.C"])) ** 1.3
            score -= 0.05 * (math.log10(params["svm/model.gamma"]) + 2) ** 2
        else:
            params |= {
                "model.depth": draw.randint(2, 20),
                "model.features": draw.uniform(0.1, 1),
                "model.leaf": draw.randint(1, 30),
            }
            score = 0.75 + 0.18 * (1 - math.exp(-params["model.depth"] / 5)) - 0.004 * params["model.leaf"]
        score += 0.05 * (params["preprocessor"] == "standard") + draw.gauss(0, 0.008)
        score = min(0.995, max(0.3, score))
        chance = draw.random()
        state = (
            TrialState.FAIL
            if chance < 0.06
            else TrialState.PRUNED
            if chance < 0.3 and score < 0.93
            else TrialState.COMPLETE
        )
        lane = min(range(workers), key=busy.__getitem__)
        seconds = draw.lognormvariate(0.6, 0.6) * (0.4 if state is TrialState.PRUNED else 1)
        steps = 3 if state is TrialState.PRUNED else 9
        curve = {step: score * (1 - 0.4 * math.exp(-step / 2)) + draw.gauss(0, 0.01) for step in range(1, steps + 1)}
        attributes: dict[str, object] = {}
        if state is TrialState.FAIL:
            attributes["error"] = (
                "ValueError: The least populated class has only 1 member\nTraceback (most recent call last):\n  in fit"
            )
        values = [score, seconds][:objectives] if state is TrialState.COMPLETE else None
        curves = objectives == 1  # with several there is nothing to prune by
        space = {name: DISTRIBUTIONS[name] for name in params}
        trials.append(
            made_up(number, state, values=values, params=params, distributions=space, worker=4000 + lane,
                    start=busy[lane], seconds=seconds, curve=curve if curves else None, **attributes)
        )  # fmt: skip
        busy[lane] += seconds + 0.05
    return trials
