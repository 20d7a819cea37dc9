"""Searches whose truth is known: TPE over functions of which it is certain which parameters matter."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, Trial

from hydra_plugins.hydra_search_report.report import SpaceRow
from tests.searches import FOREST, SVM

Objective = Callable[[Trial, random.Random], float]


@dataclass(frozen=True)
class Known:
    """A function to search, and which of its parameters make no difference."""

    objective: Objective
    idle: tuple[str, ...] = ()
    count: int = 80
    space: tuple[SpaceRow, ...] = ()

    def trials(self, seed: int) -> list[FrozenTrial]:
        """Return what TPE finds when it maximizes; the noise has the seed too."""
        noise = random.Random(seed)
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
        study.optimize(lambda trial: self.objective(trial, noise), n_trials=self.count)
        return study.get_trials(deepcopy=False)


def scaled(trial: Trial, noise: random.Random) -> float:
    """An SVM that is nothing without scaling: group means of .68 and .93."""
    scaler = trial.suggest_categorical("preprocessor", ["none", "standard", "minmax"])
    c, gamma = trial.suggest_float("C", 1e-2, 1e3, log=True), trial.suggest_float("gamma", 1e-4, 1, log=True)
    bowl = 0.01 * (math.log10(c) - 1) ** 2 + 0.02 * (math.log10(gamma) + 2) ** 2
    return {"none": 0.7, "standard": 0.97, "minmax": 0.95}[scaler] - bowl + noise.gauss(0, 0.005)


def half_idle(trial: Trial, noise: random.Random) -> float:
    x, _ = trial.suggest_float("x", -3, 3), trial.suggest_float("idle", 0, 1)
    trial.suggest_categorical("idle_choice", ["a", "b", "c"])
    n = trial.suggest_int("n", 1, 50)
    return -(x**2) - 2 * abs(n - 30) / 30 + noise.gauss(0, 0.1)


def rare(trial: Trial, noise: random.Random) -> float:
    kind = trial.suggest_categorical("kind", list("abcdefgh"))
    x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
    return 0.3 * (kind == "f") - (x - 0.7) ** 2 - 0.3 * (y - 0.2) ** 2 + noise.gauss(0, 0.02)


def crossed(trial: Trial, noise: random.Random) -> float:
    """Neither matters alone, both together do."""
    x, y = trial.suggest_float("x", -1, 1), trial.suggest_float("y", -1, 1)
    z = trial.suggest_float("z", -1, 1)
    return float(x * y > 0) - 0.3 * z**2 + noise.gauss(0, 0.05)


def crossed_choices(trial: Trial, noise: random.Random) -> float:
    a, b = trial.suggest_categorical("a", [0, 1]), trial.suggest_categorical("b", [0, 1])
    z = trial.suggest_float("z", -1, 1)
    return 0.5 * (a == b) - z**2 + noise.gauss(0, 0.05)


def masked_by_another(trial: Trial, noise: random.Random) -> float:
    """`small` decides only among those that are good in `large`."""
    small, large = trial.suggest_categorical("small", ["a", "b"]), trial.suggest_float("large", 0, 10)
    return -abs(large - 7) + 0.5 * (small == "b") + noise.gauss(0, 0.05)


def saturating(trial: Trial, noise: random.Random) -> float:
    """As a number of trees: it matters at its low end."""
    n, rate = trial.suggest_int("n", 5, 500), trial.suggest_float("rate", 1e-4, 1, log=True)
    trial.suggest_int("idle", 1, 100)
    return 0.9 - 0.5 * math.exp(-n / 40) - 0.03 * (math.log10(rate) + 1) ** 2 + noise.gauss(0, 0.005)


def narrow(trial: Trial, noise: random.Random) -> float:
    x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
    trial.suggest_categorical("idle", [True, False])
    return math.exp(-(((x - 0.62) / 0.06) ** 2)) + 0.2 * y + noise.gauss(0, 0.02)


def two_models(trial: Trial, noise: random.Random) -> float:
    """The scaler decides for one model, and makes no difference for the other."""
    scaler = trial.suggest_categorical("preprocessor", ["none", "standard"])
    if trial.suggest_categorical("model", ["svm", "forest"]) == "svm":
        c = trial.suggest_float("model.C", 1e-2, 1e3, log=True)
        trial.suggest_float("model.idle", 0, 1)
        return 0.95 - 0.25 * (scaler == "none") - 0.01 * (math.log10(c) - 1) ** 2 + noise.gauss(0, 0.005)
    depth = trial.suggest_int("model.depth", 2, 20)
    trial.suggest_int("model.leaf", 1, 30)
    return 0.93 - 0.3 * math.exp(-depth / 4) + noise.gauss(0, 0.005)


def noise_alone(trial: Trial, noise: random.Random) -> float:
    trial.suggest_float("idle", 0, 1)
    trial.suggest_float("idle_too", 0, 1)
    trial.suggest_categorical("idle_choice", ["a", "b"])
    return noise.gauss(0, 1)


def seldom_seen(trial: Trial, noise: random.Random) -> float:
    """A choice among ten with one good option beside a strong parameter, as a learning rate."""
    rate = trial.suggest_float("rate", 1e-5, 1, log=True)
    kind = trial.suggest_categorical("optimizer", [f"o{n}" for n in range(10)])
    trial.suggest_float("idle", 0, 1)
    return 1 - 0.15 * (math.log10(rate) + 2.5) ** 2 - 0.2 * (kind in ("o0", "o1")) + noise.gauss(0, 0.02)


SPACE_OF_TWO_MODELS = (
    SpaceRow("preprocessor", "preprocessor", "none, standard"),
    SpaceRow("model", "model", "svm, forest"),
    SpaceRow("model.C", "model.C", "", SVM),
    SpaceRow("model.idle", "model.idle", "", SVM),
    SpaceRow("model.depth", "model.depth", "", FOREST),
    SpaceRow("model.leaf", "model.leaf", "", FOREST),
)
KNOWN = {
    "scaled": Known(scaled),
    "scaled, short": Known(scaled, count=40),
    "half idle": Known(half_idle, ("idle", "idle_choice")),
    "half idle, long": Known(half_idle, ("idle", "idle_choice"), count=200),
    "rare": Known(rare),
    "crossed": Known(crossed),
    "crossed choices": Known(crossed_choices),
    "masked": Known(masked_by_another),
    "saturating": Known(saturating, ("idle",)),
    "narrow": Known(narrow, ("idle",)),
    "two models": Known(two_models, ("model.idle", "model.leaf"), 120, SPACE_OF_TWO_MODELS),
    "noise": Known(noise_alone, ("idle", "idle_too", "idle_choice")),
    "seldom": Known(seldom_seen, ("idle",)),
}
