"""What every plot of the page needs: made or refused, never raised; thinned; and trials as the studies Optuna draws."""

import json
import logging
import math
import warnings
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.storages import InMemoryStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search.trials import finished

from ._facts import BranchPath, SearchFacts, SpaceRow
from ._trials import Importances, branches, finite, is_in, rows_of, space_rows, value_text

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

log = logging.getLogger(__name__)

Json = dict[str, Any]  # Any: a figure as plotly.js reads it


class Nothing(Exception):  # no error: the search has nothing to show here
    """There is nothing to draw; the text says why."""


@dataclass(frozen=True)
class Plot:
    """A place on the page: a figure, or what stands there instead."""

    kind: str
    title: str
    caption: str = ""
    figure: str | None = None  # as JSON; None where there is none
    reason: str = ""  # why there is no figure
    height: int = 360
    failed: bool = False  # the reason is an error, not that there is nothing to show
    group: str = ""  # small plots of one group stand side by side under its name


def plot(
    kind: str, title: str, make: Callable[[], Json], caption: str = "", height: int = 360, group: str = ""
) -> Plot:
    """Make a plot; if that fails, its place says why."""
    try:
        with quiet():
            figure = make()
        content = json.dumps(figure, separators=(",", ":"), allow_nan=False)
    except Nothing as nothing:
        return Plot(kind, title, reason=str(nothing), group=group)
    except Exception as error:  # a report never fails for a picture, whatever the plotting library raises
        log.debug(f"The plot {title!r} failed", exc_info=True)
        return Plot(kind, title, reason=f"This plot failed: {type(error).__name__}: {error}", failed=True, group=group)
    if not any(any(trace.get(axis) for axis in ("x", "y", "z", "dimensions")) for trace in figure["data"]):
        return Plot(kind, title, reason="There is nothing to draw yet.", group=group)
    return Plot(kind, title, caption, content, height=height, group=group)


def as_json(figure: "Figure") -> Json:
    """Return a figure without its looks, which are the page's: title, template, background, fixed size."""
    content: Json = json.loads(figure.to_json(validate=False))
    for key in ("title", "template", "plot_bgcolor", "width", "height"):
        content["layout"].pop(key, None)
    return content


def named(title: str, facts: SearchFacts, index: int) -> str:
    """Name the objective in a title, if there are several."""
    return title if len(facts.directions) == 1 else f"{title}: {facts.metrics[index]}"


def thinned(trials: Sequence[FrozenTrial], most: int, always: Sequence[FrozenTrial] = ()) -> list[FrozenTrial]:
    """Return at most so many trials, evenly from the first to the last; `always` are among them."""
    if len(trials) <= most:
        return list(trials)
    kept = {trial.number: trial for trial in always[:most]}
    others = [trial for trial in trials if trial.number not in kept]
    left = most - len(kept)
    kept |= {t.number: t for t in (others[int(i * len(others) / left)] for i in range(left))}
    return [kept[number] for number in sorted(kept)]


def thinned_text(shown: int, total: int) -> str:
    """Say in a caption how many trials are shown; empty if all are."""
    return "" if shown == total else f" {shown} of {total} trials are shown, taken evenly, the best among them."


class Shown(InMemoryStorage):
    """Holds one study, of the trials that it is given, with their own numbers; nothing is copied."""

    def __init__(self, trials: Sequence[FrozenTrial], directions: Sequence[str]) -> None:
        super().__init__()
        self.shown = trials
        self.create_new_study([StudyDirection[direction.upper()] for direction in directions], "shown")

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials; a plot reads, so there is nothing to copy."""
        return [trial for trial in self.shown if states is None or trial.state in states]


def study_of(trials: Sequence[FrozenTrial], *directions: str) -> Study:
    """Return a read-only study of these trials."""
    return Study("shown", Shown(trials, directions))


def branch_trials(
    trials: Sequence[FrozenTrial], branch: BranchPath, rows: Sequence[SpaceRow], objective: int
) -> list[FrozenTrial]:
    """Return the finished trials of a branch, its parameters under their config keys, with one objective."""
    names = {row.name: row.key for row in rows_of(branch, rows)}
    known: dict[str, BaseDistribution] = {}
    for trial in trials:
        known |= {key: _readable(trial.distributions[name]) for name, key in _of(trial, names) if key not in known}
    return [
        FrozenTrial(
            number=trial.number, trial_id=trial.number, state=trial.state, value=trial.values[objective],
            datetime_start=trial.datetime_start, datetime_complete=trial.datetime_complete,
            params={key: _readable_value(trial.params[name], known[key]) for name, key in _of(trial, names)},
            distributions={key: known[key] for _, key in _of(trial, names)},
            user_attrs={}, system_attrs={}, intermediate_values={},
        )
        for trial in finished(trials)
        if finite([trial.values[objective]]) and is_in(trial, branch, rows)
    ]  # fmt: skip


def importances(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> Importances:
    """Measure how much each parameter matters in each branch, for each objective; what can't be measured is absent."""
    rows = space_rows(facts, trials)
    return {
        branch: [
            _measured(branch_trials(trials, branch, rows, objective), direction)
            for objective, direction in enumerate(facts.directions)
        ]
        for branch in branches(rows)
    }


def all_equal(trials: Sequence[FrozenTrial]) -> bool:
    """Tell whether the trials' values tell nothing apart."""
    values = [trial.value for trial in trials if trial.value is not None]
    return not values or math.isclose(min(values), max(values), rel_tol=1e-9, abs_tol=1e-12)


def measure(trials: Sequence[FrozenTrial], direction: str) -> dict[str, float]:
    """Return the importances of the trials' parameters, the greatest first, by PED-ANOVA.

    Its cost grows with the trials alone, not with a forest's trees.
    """
    with quiet():
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        return dict(optuna.importance.get_param_importances(study_of(trials, direction), evaluator=evaluator))


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


def _of(trial: FrozenTrial, names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the pairs of name and key of the parameters that a trial has."""
    return [(name, key) for name, key in names.items() if name in trial.params]


def _readable(distribution: BaseDistribution) -> BaseDistribution:
    """Return a choice with texts for null, bools and lists, as a person writes them; numbers stay numbers."""
    if not isinstance(distribution, CategoricalDistribution):
        return distribution
    choices = distribution.choices
    if all(isinstance(choice, (int, float)) and not isinstance(choice, bool) for choice in choices):
        return distribution
    return CategoricalDistribution([value_text(choice) for choice in choices])


def _readable_value(value: object, distribution: BaseDistribution) -> object:
    is_text = isinstance(distribution, CategoricalDistribution) and isinstance(distribution.choices[0], str)
    return value_text(value) if is_text else value


def _measured(trials: Sequence[FrozenTrial], direction: str) -> dict[str, float]:
    if len(trials) < 2 or all_equal(trials):
        return {}
    try:
        return measure(trials, direction)
    except Exception:  # advice and order of plots are no reason to fail; the plot itself says what was wrong
        log.debug("The importances can't be measured", exc_info=True)
        return {}
