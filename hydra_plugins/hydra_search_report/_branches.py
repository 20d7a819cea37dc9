"""The plots of the parameters, branch by branch: importances, slices, contour, parallel coordinates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from optuna.study import Study
from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search.trials import MAXIMIZE, best_trials

from ._axes import value_axis
from ._facts import SearchFacts
from ._plots import (
    Json,
    Nothing,
    Plot,
    all_equal,
    as_json,
    branch_trials,
    measure,
    named,
    plot,
    study_of,
    thinned,
    thinned_text,
)
from ._trials import Importances, branch_text, branches, space_rows

MOST_IN_SLICE = 500
MOST_IN_PARALLEL = 200
MOST_IN_CONTOUR = 100  # its grid has this number squared
MOST_SLICES = 16
KINDS = ("contour", "parallel", "slice")  # in this order


@dataclass(frozen=True)
class Section:
    """The plots of one branch."""

    title: str
    finished: int
    plots: tuple[Plot, ...]


@dataclass(frozen=True)
class View:
    """The finished trials of a branch under one objective."""

    trials: list[FrozenTrial]
    direction: str
    metric: str
    importances: dict[str, float]  # of its parameters; none where they could not be measured
    keys: list[str]  # most important first

    def study(self, most: int) -> Study:
        """Return a study of so many trials at most, with the best."""
        best = best_trials(self.trials, [self.direction])[: most // 4]
        return study_of(thinned(self.trials, most, best), self.direction)


def sections(facts: SearchFacts, trials: Sequence[FrozenTrial], importances: Importances) -> list[Section]:
    """Return the plots of each branch, the whole space first."""
    rows = space_rows(facts, trials)
    found = []
    for branch in branches(rows):
        views = [
            _view(branch_trials(trials, branch, rows, index), facts, index, importances.get(branch, ()))
            for index in range(len(facts.directions))
        ]
        of_each = [each for index, v in enumerate(views) for each in _parameter_plots(facts, index, v)]
        # what is the same of several objectives stands side by side
        plots = [_importance_plot(views), *sorted(of_each, key=lambda plot: KINDS.index(plot.kind))]
        title = branch_text(branch) or "all trials"
        found.append(Section(title, max(len(v.trials) for v in views), tuple(plots)))
    return found


def _view(
    trials: list[FrozenTrial], facts: SearchFacts, index: int, importances: Sequence[Mapping[str, float]]
) -> View:
    measured = dict(importances[index]) if index < len(importances) else {}
    keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
    keys.sort(key=lambda key: -measured.get(key, -1.0))
    return View(trials, facts.directions[index], facts.metrics[index], measured, keys)


def _importance_plot(views: Sequence[View]) -> Plot:

    def make() -> Json:
        if len(views[0].trials) < 4:
            raise Nothing(f"Importances need at least 4 finished trials; there are {len(views[0].trials)}.")
        if len(views[0].keys) < 2:
            raise Nothing("Importances compare parameters, and there are fewer than two.")
        different = [v for v in views if not all_equal(v.trials)]
        if not different:
            raise Nothing("All finished trials have the same value, so no parameter can matter.")
        # what could not be measured is tried again, so that its place says why
        found = [dict(reversed((v.importances or measure(v.trials, v.direction)).items())) for v in different]
        traces = [
            {
                "type": "bar", "orientation": "h", "name": v.metric, "x": list(shares.values()), "y": list(shares),
                "text": [f"{share:.2f}" if share >= 0.01 else "<0.01" for share in shares.values()],
                "textposition": "outside", "cliponaxis": False, "hovertemplate": "%{y}: %{x}<extra></extra>",
                "marker": {"color": f"@series{place % 3}"},
            }
            for place, (v, shares) in enumerate(zip(different, found, strict=True))
        ]  # fmt: skip
        longest = max(share for shares in found for share in shares.values())  # its label needs room
        xaxis = {"title": {"text": "share of importance"}, "range": [0, 1.18 * longest or 1]}
        return {"data": traces, "layout": {"xaxis": xaxis, "showlegend": len(different) > 1}}

    caption = (
        f"PED-ANOVA over {len(views[0].trials)} finished trials: how much each parameter decides who is good among "
        "them. A parameter that the sampler has settled early shows little here, however much it matters."
    )
    height = 130 + 30 * len(views[0].keys) * len(views)
    return plot("importances", "Parameter importances", make, caption, height)


def _parameter_plots(facts: SearchFacts, index: int, v: View) -> list[Plot]:
    total = len(v.trials)
    in_contour, in_parallel, in_slice = (
        thinned_text(min(total, most), total) for most in (MOST_IN_CONTOUR, MOST_IN_PARALLEL, MOST_IN_SLICE)
    )
    colour = "The stronger the colour, the better the trial."
    plots = [
        plot(
            "contour", named("Contour of the two most important", facts, index), partial(contour, v),
            f"Interpolated between the points, which are trials. {colour}{in_contour}", 400,
        ),
        plot(
            "parallel", named("Parallel coordinates", facts, index), partial(parallel, v),
            f"Each line is a trial. {colour}{in_parallel}", 400,
        ),
    ]  # fmt: skip
    note = f"The stronger the colour, the later the trial.{in_slice}"
    group = named("Slices", facts, index)
    slices = [plot("slice", key, partial(_slice_of, v, key), note, 250, group) for key in v.keys[:MOST_SLICES]]
    return [*plots, *slices]


def parallel(v: View) -> Json:
    """Return Optuna's parallel coordinates."""
    from optuna.visualization import plot_parallel_coordinate

    if len(v.trials) < 2 or not v.keys:
        raise Nothing("Parallel coordinates need two finished trials.")
    if all_equal(v.trials):
        raise Nothing("All finished trials have the same value.")
    study = v.study(MOST_IN_PARALLEL)
    figure = as_json(plot_parallel_coordinate(study, params=v.keys[:12], target_name=v.metric))
    lines = [trace for trace in figure["data"] if trace.get("mode") == "lines" and trace["y"]]
    trials = study.trials if len(study.trials) == len(lines) else [None] * len(lines)  # Optuna draws one line for each
    for trial, trace in zip(trials, lines, strict=True):
        # Optuna bakes the colour in; the page has another scale for dark. The first axis is the objective, 0 to 1.
        good = trace["y"][0] if v.direction == MAXIMIZE else 1 - trace["y"][0]
        trace["line"] = {"width": 1.2}
        trace |= {"meta": {"shade": good, "trial": trial and trial.number}, "opacity": 0.7}
    for annotation in figure["layout"].get("annotations", ()):
        annotation |= {"font": {"size": 11, "color": "@ink"}, "bgcolor": "@surface", "opacity": 0.85, "borderpad": 1}
    for shape in figure["layout"].get("shapes", ()):
        shape["line"]["color"] = "@line"
    return figure


def _slice_of(v: View, key: str) -> Json:
    from optuna.visualization import plot_slice

    figure = as_json(plot_slice(v.study(MOST_IN_SLICE), params=[key], target_name=v.metric))
    for trace in figure["data"]:
        trace["customdata"] = trace["marker"]["color"]  # Optuna colours a trial by its number
        trace["marker"] |= {"showscale": False, "size": 7, "line": {"width": 0.5, "color": "@muted"}}
        trace["marker"].pop("colorbar", None)
    figure["layout"]["yaxis"] |= value_axis(v.metric, [trial.value for trial in v.trials], v.direction)
    axis = figure["layout"]["xaxis"]
    axis["title"] = None
    if axis.get("type") == "category":  # Optuna writes the options as Python does
        for trace in figure["data"]:
            trace["x"] = [_unquoted(str(text)) for text in trace["x"]]
        axis["categoryarray"] = [_unquoted(text) for text in axis["categoryarray"]]
    return figure


def contour(v: View) -> Json:
    """Return Optuna's contour of the two most important parameters."""
    from optuna.visualization import plot_contour

    if all_equal(v.trials):
        raise Nothing("All finished trials have the same value.")
    if len(v.keys) < 2:
        raise Nothing("A contour needs two parameters.")
    if len(v.trials) < 4:
        raise Nothing(f"A contour needs at least 4 finished trials; there are {len(v.trials)}.")
    study, keys = v.study(MOST_IN_CONTOUR), v.keys[:2]
    figure = as_json(plot_contour(study, params=keys, target_name=v.metric))
    shown = [trial.number for trial in study.trials if all(key in trial.params for key in keys)]
    for trace in figure["data"]:
        if trace["type"] == "contour":
            trace["line"] = {"width": 0.4, "color": "@surface", "smoothing": 1.3}
        if trace["type"] == "scatter":
            trace["marker"] = {"color": "@ink", "size": 5, "line": {"color": "@surface", "width": 1}}
            trace["customdata"] = shown[: len(trace.get("x", ()))]
    figure["data"] = [trace for trace in figure["data"] if trace.get("x")]
    return figure


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] in "'\"" else text
