"""Trials that are at hand, as the read-only studies that Optuna's plots and importances ask for."""

import warnings
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.storages import InMemoryStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from ._facts import BranchPath, SearchFacts, SpaceRow
from ._trials import complete, finite, is_in, rows_of, value_text

if TYPE_CHECKING:
    from ._advice import Importances


class Shown(InMemoryStorage):
    """Holds one study, of the trials that it is given, with their own numbers; nothing is copied."""

    def __init__(self, trials: Sequence[FrozenTrial], directions: Sequence[str]) -> None:
        super().__init__()
        self.shown = list(trials)
        self.study_id = self.create_new_study([StudyDirection[d.upper()] for d in directions], "shown")

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials; a plot reads, so there is nothing to copy."""
        return [trial for trial in self.shown if states is None or trial.state in states]

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """Return the best of the trials. Raises ValueError if none finished."""
        done = complete(self.shown)
        if not done:
            raise ValueError("No trials are completed yet.")
        pick = max if self.get_study_directions(study_id)[0] is StudyDirection.MAXIMIZE else min
        return pick(done, key=lambda trial: trial.values[0])


def study_of(trials: Sequence[FrozenTrial], directions: Sequence[str]) -> Study:
    """Return a study of these trials."""
    return Study("shown", Shown(trials, directions))


def branch_trials(
    trials: Sequence[FrozenTrial], branch: BranchPath, rows: Sequence[SpaceRow], objective: int
) -> list[FrozenTrial]:
    """Return the finished trials of a branch, its parameters under their config keys, with one objective."""
    names = {row.name: row.key for row in rows_of(branch, rows)}
    known: dict[str, BaseDistribution] = {}
    for trial in trials:
        known |= {key: plain(trial.distributions[name]) for name, key in of(trial, names) if key not in known}
    return [
        FrozenTrial(
            number=trial.number, trial_id=trial._trial_id, state=trial.state, value=trial.values[objective],
            datetime_start=trial.datetime_start, datetime_complete=trial.datetime_complete,
            params={key: shown_value(trial.params[name], known[key]) for name, key in of(trial, names)},
            distributions={key: known[key] for _, key in of(trial, names)},
            user_attrs={}, system_attrs={}, intermediate_values={},
        )
        for trial in complete(trials)
        if finite([trial.values[objective]]) and is_in(trial, branch, rows)
    ]  # fmt: skip


def of(trial: FrozenTrial, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the pairs of name and key of the parameters that a trial has."""
    return [(name, key) for name, key in names.items() if name in trial.params]


def plain(distribution: BaseDistribution) -> BaseDistribution:
    """Return a choice with texts for null, bools and lists, as a person writes them; numbers stay numbers."""
    if not isinstance(distribution, CategoricalDistribution):
        return distribution
    choices = distribution.choices
    if all(isinstance(choice, (int, float)) and not isinstance(choice, bool) for choice in choices):
        return distribution
    return CategoricalDistribution([value_text(choice) for choice in choices])


def shown_value(value: object, distribution: BaseDistribution) -> object:
    """Return a value as `plain` has it."""
    is_text = isinstance(distribution, CategoricalDistribution) and isinstance(distribution.choices[0], str)
    return value_text(value) if is_text else value


def importances(
    facts: SearchFacts, trials: Sequence[FrozenTrial], branches: Sequence[BranchPath], rows: Sequence[SpaceRow]
) -> "Importances":
    """Measure how much each parameter matters in each branch, for each objective; what can't be measured is absent."""
    return {
        branch: [
            measured(branch_trials(trials, branch, rows, objective), direction)
            for objective, direction in enumerate(facts.directions)
        ]
        for branch in branches
    }


def measured(trials: Sequence[FrozenTrial], direction: str) -> dict[str, float]:
    """Return the importances of the trials' parameters, the greatest first; none if there are too few trials."""
    if len(trials) < 2:
        return {}
    try:
        with quiet():
            found = optuna.importance.get_param_importances(study_of(trials, [direction]), evaluator=evaluator())
    except Exception:  # advice and order of plots are no reason to fail; the plot itself says what was wrong
        return {}
    return dict(found)


def evaluator() -> optuna.importance.BaseImportanceEvaluator:
    """Return the evaluator of plots and advice: its cost grows with the trials alone, not with a forest's trees."""
    return optuna.importance.PedAnovaImportanceEvaluator()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna's warnings about experimental parts, and its log, to itself: for a report they are noise."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)
