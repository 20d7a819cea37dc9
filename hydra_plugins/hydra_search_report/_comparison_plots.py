"""The plots of a comparison: the best so far over trials and over seconds, and the same parameters side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from hydra_plugins.hydra_search.secrets import Secrets
from hydra_plugins.hydra_search.trials import finished
from hydra_plugins.hydra_search.urls import MASK

from ._axes import value_axis
from ._best_so_far import Point
from ._comparison import Comparison
from ._course import Course
from ._plots import Json, Nothing, Plot, plot, thinned
from ._trials import by_key, finite, space_rows, value_text

COLOURS = ("series0", "series1", "series2", "failed", "running", "waiting")  # of the style sheet, for searches in turn
DASHES = ("solid", "dash", "dot", "dashdot")
MOST_POINTS, MOST_PARAMETERS = 400, 16
ROOM = 0.06
POINTS = "Each point is a finished trial, the diamond is the best one; the axes are the same for each search."
TRIALS = "Trials that are over: finished, pruned or failed, in the order in which they ended."
SECONDS = "An interrupted search's clock stands still until it goes on."


def curve_plots(comparison: Comparison) -> list[list[Plot]]:
    """Return two plots for each objective: of the searches that have the same objectives, on the same axes."""
    return [
        [_curve_plot(comparison, group, place, over) for over in ("trials", "seconds")]
        for group in comparison.groups
        for place in range(len(group[0].goal))
    ]


def _curve_plot(comparison: Comparison, group: Sequence[Course], place: int, over: str) -> Plot:
    of = f": {', '.join(c.search.name for c in group)}" if len(comparison.groups) > 1 else ""
    title = f"Best {group[0].goal[place][0]} so far over {over}{of}"
    caption = TRIALS if over == "trials" else SECONDS
    return plot("course", title, partial(_curves, comparison, group, place, over), caption)


def _curves(comparison: Comparison, group: Sequence[Course], place: int, over: str) -> Json:
    drawn = [course for course in group if course.curves[place]]
    if not drawn:
        raise Nothing("No trial has finished yet.")
    traces = [
        {
            "type": "scatter", "mode": "lines", "name": course.search.name, "showlegend": True,
            "x": [_along(point, over) for point in course.curves[place]],
            "y": [point.value for point in course.curves[place]],
            "customdata": [point.trial for point in course.curves[place]],
            "line": {**_line(comparison, course), "shape": "hv"},
            "hovertemplate": "%{y:.6g} by trial %{customdata}, after %{x:.6g} " + over,
        }
        for course in drawn
    ]  # fmt: skip
    metric, direction = group[0].goal[place]
    values = [point.value for course in drawn for point in course.curves[place]]
    title = "Trials that are over" if over == "trials" else "Seconds since the first trial began"
    xaxis = {"title": {"text": title}, "rangemode": "tozero"}
    return {"data": traces, "layout": {"xaxis": xaxis, "yaxis": value_axis(metric, values, direction)}}


def _along(point: Point, over: str) -> float:
    return point.over if over == "trials" else round(point.seconds, 3)


def colour_of(comparison: Comparison, course: Course) -> str:
    """Return the name of a search's colour in the style sheet."""
    return COLOURS[comparison.names.index(course.search.name) % len(COLOURS)]


def _line(comparison: Comparison, course: Course) -> dict[str, object]:
    """Return the look of a search, the same in all plots."""
    place = comparison.names.index(course.search.name)
    return {"color": f"@{colour_of(comparison, course)}", "dash": DASHES[place % len(DASHES)], "width": 2}


def parameter_plots(comparison: Comparison) -> list[list[Plot]]:
    """Return a row of small plots for each parameter that several searches have: a plot for each search, same axes."""
    rows = []
    for group in comparison.groups:
        found = [(course, _by_key(course)) for course in group]
        keys = dict.fromkeys(key for _, of in found for key in of)
        shared = [key for key in keys if sum(key in of for _, of in found) > 1]
        for key in shared[:MOST_PARAMETERS]:
            having = [(course, of[key]) for course, of in found if key in of]
            rows.append([_slice_plot(comparison, course, key, having) for course, _ in having])
    return rows


@dataclass(frozen=True)
class Tried:
    """A value of a parameter that a finished trial has had."""

    trial: int
    value: object
    metric: float
    is_log: bool


Having = Sequence[tuple[Course, Sequence[Tried]]]  # the searches that have a parameter


def _by_key(course: Course) -> dict[str, list[Tried]]:
    """Return what was tried of each parameter, by config key; of several objectives with the first one."""
    done = [trial for trial in finished(course.search.trials) if finite(trial.values[:1])]
    trials = thinned(done, MOST_POINTS, course.ranked)
    found: dict[str, list[Tried]] = {}
    rows = space_rows(course.search.facts, trials)
    secrets = Secrets(course.search.facts.redact)
    for trial in trials:
        logs = {row.key for row in rows if getattr(trial.distributions.get(row.name), "log", False)}
        for key, value in by_key(trial, rows).items():
            shown = MASK if secrets.is_secret(key, value) else value
            found.setdefault(key, []).append(Tried(trial.number, shown, trial.values[0], key in logs))
    return found


def _slice_plot(comparison: Comparison, course: Course, key: str, having: Having) -> Plot:
    metric = course.goal[0][0]
    make = partial(_slice, comparison, course, having)
    return plot("slice", course.search.name, make, "", 240, group=f"{metric} by {key}")


def _slice(comparison: Comparison, course: Course, having: Having) -> Json:
    """Return the points of one search; the axes hold those of all."""
    of_all = [tried for _, values in having for tried in values]
    mine = next(values for owner, values in having if owner is course)
    numeric = all(isinstance(t.value, (int, float)) and not isinstance(t.value, bool) for t in of_all)
    best = course.best.number if course.best else None
    own = str(_line(comparison, course)["color"])
    trace: Json = {
        "type": "scatter", "mode": "markers", "showlegend": False,
        "x": [tried.value if numeric else value_text(tried.value) for tried in mine],
        "y": [tried.metric for tried in mine], "customdata": [tried.trial for tried in mine],
        "hovertemplate": "trial %{customdata}: %{x}, %{y:.6g}<extra></extra>",
    }  # fmt: skip
    others = {**trace, "marker": {"color": own, "size": 6, "opacity": 0.7}}
    place = next((place for place, tried in enumerate(mine) if tried.trial == best), None)
    traces = [others]
    if place is not None:
        top = {axis: [trace[axis][place]] for axis in ("x", "y", "customdata")}
        traces.append({**trace, **top, "marker": {"color": "@best", "size": 10, "symbol": "diamond"}})
    yaxis = _range([tried.metric for tried in of_all], value_axis("", [t.metric for t in of_all], course.goal[0][1]))
    return {"data": traces, "layout": {"xaxis": _axis_of_all(of_all, numeric), "yaxis": yaxis}}


def _axis_of_all(tried: Sequence[Tried], numeric: bool) -> Json:
    """Return the same axis for each search."""
    if not numeric:
        options = sorted({value_text(one.value) for one in tried})
        order = {"type": "category", "categoryorder": "array", "categoryarray": options}
        return {**order, "range": [-0.5, len(options) - 0.5]}
    numbers = [float(str(one.value)) for one in tried]
    if all(one.is_log for one in tried) and min(numbers) > 0:
        return _range([math.log10(number) for number in numbers], {"type": "log"})
    return _range(numbers, {})


def _range(numbers: Sequence[float], axis: Json) -> Json:
    """Return the axis with the range of the numbers, and a little room; its own where it has one."""
    low, high = min(numbers), max(numbers)
    room = ROOM * (high - low) or 1.0
    return {"range": [low - room, high + room], **axis}
