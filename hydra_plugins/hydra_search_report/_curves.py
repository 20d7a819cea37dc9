"""The learning curves of a few trials: the five best, or those that a person chooses in the table."""

import json
import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.trials import best_trials

from ._axes import value_axis
from ._facts import SearchFacts
from ._plots import Json, Plot, plot

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

AT_FIRST = 5
# The page keeps every curve, so that any can be chosen: about 20 bytes a point.
MOST_POINTS, MOST_OF_ONE, LEAST_OF_ONE = 60_000, 200, 10

Curve = tuple[list[int], list[float | None]]  # steps and values, as many


def chosen_at_first(facts: SearchFacts, trials: Sequence["FrozenTrial"]) -> list[int]:
    """Return the numbers of the best trials that have reported values, of any where none has finished."""
    reported = [trial for trial in trials if trial.intermediate_values]
    best = best_trials(reported, facts.directions) or reported[-AT_FIRST:]
    return [trial.number for trial in best[:AT_FIRST]]


def all_curves(trials: Sequence["FrozenTrial"]) -> dict[int, Curve]:
    """Return the curve of each trial that has reported values; long ones are thinned, their last point is kept."""
    reported = [trial for trial in trials if trial.intermediate_values]
    most = max(LEAST_OF_ONE, min(MOST_OF_ONE, MOST_POINTS // max(1, len(reported))))
    return {trial.number: _curve(trial.intermediate_values, most) for trial in reported}


def _curve(reported: dict[int, float], most: int) -> Curve:
    steps = sorted(reported)
    if len(steps) > most:
        steps = [steps[place * (len(steps) - 1) // (most - 1)] for place in range(most)]
    return steps, [_short(reported[step]) for step in steps]


def _short(value: float) -> float | None:
    """Return six digits of a value; a gap for what no axis has a place for."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def curves_plot(facts: SearchFacts, curves: dict[int, Curve], numbers: Sequence[int]) -> Plot:
    """Return the plot of the trials with these numbers; the page's script puts others in their place."""
    caption = "The best at first. Choose others by the boxes in the table below."
    return plot("curves", "Learning curves", partial(drawn, facts, curves, numbers), caption)


def drawn(facts: SearchFacts, curves: dict[int, Curve], numbers: Sequence[int]) -> Json:
    """Return the figure; the script makes further traces like the first."""
    traces = [
        {
            "type": "scatter", "mode": "lines+markers", "x": curves[number][0], "y": curves[number][1],
            "name": f"trial {number}", "meta": {"trial": number}, "line": {"color": f"@series{place}", "width": 2},
            "marker": {"size": 5}, "hovertemplate": f"trial {number}, step %{{x}}: %{{y}}<extra></extra>",
        }
        for place, number in enumerate(numbers)
    ]  # fmt: skip
    yaxis = value_axis(facts.metrics[0], _values(curves, numbers), facts.directions[0])
    return {"data": traces, "layout": {"xaxis": {"title": {"text": "Step"}}, "yaxis": yaxis, "showlegend": True}}


def _values(curves: dict[int, Curve], numbers: Sequence[int]) -> Iterable[float | None]:
    return (value for number in numbers for value in curves[number][1])


def curves_data(curves: dict[int, Curve]) -> str:
    """Return all curves for the page's script, HTML."""
    text = json.dumps(curves, separators=(",", ":"), allow_nan=False)
    return f'<script type="application/json" id="all-curves">{text}</script>\n' if curves else ""
