"""The plots of the parameters, branch by branch: importances, slices, contour, parallel coordinates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from optuna.trial import FrozenTrial

from ._facts import BranchPath, SearchFacts, SpaceRow
from ._figures import named
from ._plots import Json, Nothing, Plot, as_json, plot, thinned, thinned_text
from ._studies import branch_trials, evaluator, study_of
from ._trials import branch_text, branches

MOST_POINTS = 500
MOST_LINES = 200
MOST_GRID = 100  # its grid has this number squared
MOST_SLICES = 16


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
    # most important first
    keys: list[str]

    def study_args(self, most: int) -> tuple[list[FrozenTrial], list[str]]:
        """Return so many trials at most, with the best, and the directions."""
        sign = -1.0 if self.direction == "maximize" else 1.0
        best = sorted(self.trials, key=lambda trial: sign * trial.values[0])[: most // 4]
        return thinned(self.trials, most, best), [self.direction]


def all_branches(rows: Sequence[SpaceRow]) -> list[BranchPath]:
    """Return the whole space, and every branch with parameters of its own."""
    return [(), *branches(rows)]


def sections(
    facts: SearchFacts,
    trials: Sequence[FrozenTrial],
    rows: Sequence[SpaceRow],
    importances: Mapping[BranchPath, Sequence[Mapping[str, float]]],
) -> list[Section]:
    """Return the plots of each branch, the whole space first."""
    found = []
    for branch in all_branches(rows):
        views = [
            view(branch_trials(trials, branch, rows, index), facts, index, importances.get(branch, ()))
            for index in range(len(facts.directions))
        ]
        plots = [importance_plot(views)]
        plots += [each for index, v in enumerate(views) for each in parameter_plots(facts, index, v)]
        title = branch_text(branch) or "all trials"
        found.append(Section(title, max(len(v.trials) for v in views), tuple(plots)))
    return found


def view(trials: list[FrozenTrial], facts: SearchFacts, index: int, importances: Sequence[Mapping[str, float]]) -> View:
    """Return one objective's view of a branch; parameters of unknown importance come last."""
    measured = importances[index] if index < len(importances) else {}
    keys = list(dict.fromkeys(key for trial in trials for key in trial.params))
    keys.sort(key=lambda key: -measured.get(key, -1.0))
    return View(trials, facts.directions[index], facts.metrics[index], keys)


def importance_plot(views: Sequence[View]) -> Plot:
    """Return Optuna's bars, for all objectives in one figure."""

    def make() -> Json:
        from optuna.visualization import plot_param_importances

        if len(views[0].trials) < 4:
            raise Nothing(f"Importances need at least 4 finished trials; there are {len(views[0].trials)}.")
        if len(views[0].keys) < 2:
            raise Nothing("Importances compare parameters, and there are fewer than two.")
        figures = [
            as_json(plot_param_importances(study_of(v.trials, [v.direction]), evaluator(), target_name=v.metric))
            for v in views
        ]
        figure = figures[0]
        figure["data"] = [trace for each in figures for trace in each["data"]]
        for place, trace in enumerate(figure["data"]):
            trace |= {"marker": {"color": f"@series{place % 3}"}, "name": views[place].metric}
        longest = max(max(trace["x"]) for trace in figure["data"])  # its label needs room
        figure["layout"]["xaxis"] = {"title": {"text": "share of importance"}, "range": [0, 1.18 * longest or 1]}
        figure["layout"].pop("yaxis")
        figure["layout"]["showlegend"] = len(views) > 1
        return figure

    caption = f"PED-ANOVA over {len(views[0].trials)} finished trials: how much each parameter decides who is good."
    height = 130 + 30 * len(views[0].keys) * len(views)
    return plot("importances", "Parameter importances", make, caption, height)


def parameter_plots(facts: SearchFacts, index: int, v: View) -> list[Plot]:
    """Return parallel coordinates, slices and contour of one objective."""
    total = len(v.trials)
    lines, dots = min(total, MOST_LINES), min(total, MOST_POINTS)
    colour = "The stronger the colour, the better the trial."
    plots = [
        plot(
            "contour", named("Contour of the two most important", facts, index), partial(contour, v),
            f"Interpolated between the points, which are trials. {colour}{thinned_text(min(total, MOST_GRID), total)}",
            400,
        ),
        plot(
            "parallel", named("Parallel coordinates", facts, index), partial(parallel, v),
            f"Each line is a trial. {colour}{thinned_text(lines, total)}", 400,
        ),
    ]  # fmt: skip
    note = f"The stronger the colour, the later the trial.{thinned_text(dots, total)}"
    group = named("Slices", facts, index)
    slices = [plot("slice", key, partial(slice_of, v, key), note, 250, group) for key in v.keys[:MOST_SLICES]]
    return [*plots, *slices]


def parallel(v: View) -> Json:
    """Return Optuna's parallel coordinates."""
    from optuna.visualization import plot_parallel_coordinate

    if len(v.trials) < 2 or not v.keys:
        raise Nothing("Parallel coordinates need two finished trials.")
    study = study_of(*v.study_args(MOST_LINES))
    figure = as_json(plot_parallel_coordinate(study, params=v.keys[:12], target_name=v.metric))
    for trace in figure["data"]:
        if trace.get("mode") == "lines" and trace["y"]:
            # Optuna bakes the colour in; the page has another scale for dark. The first axis is the objective, 0 to 1.
            good = trace["y"][0] if v.direction == "maximize" else 1 - trace["y"][0]
            trace["line"] = {"width": 1.2}
            trace |= {"meta": {"shade": good}, "opacity": 0.7}
    for annotation in figure["layout"].get("annotations", ()):
        annotation |= {"font": {"size": 11, "color": "@ink"}, "bgcolor": "@surface", "opacity": 0.85, "borderpad": 1}
    for shape in figure["layout"].get("shapes", ()):
        shape["line"]["color"] = "@line"
    return figure


def slice_of(v: View, key: str) -> Json:
    """Return Optuna's slice of one parameter."""
    from optuna.visualization import plot_slice

    study = study_of(*v.study_args(MOST_POINTS))
    figure = as_json(plot_slice(study, params=[key], target_name=v.metric))
    for trace in figure["data"]:
        trace["marker"] |= {"showscale": False, "size": 7, "line": {"width": 0.5, "color": "@muted"}}
        trace["marker"].pop("colorbar", None)
    figure["layout"]["xaxis"]["title"] = None
    unquoted(figure)
    return figure


def unquoted(figure: Json) -> None:
    """Take the quotes off the categories, which Optuna writes as Python does."""
    axis = figure["layout"]["xaxis"]
    if axis.get("type") != "category":
        return
    for trace in figure["data"]:
        trace["x"] = [text[1:-1] if text[:1] in "'\"" else text for text in map(str, trace["x"])]
    axis["categoryarray"] = [text[1:-1] if text[:1] in "'\"" else text for text in axis["categoryarray"]]


def contour(v: View) -> Json:
    """Return Optuna's contour of the two most important parameters."""
    from optuna.visualization import plot_contour

    if len(v.keys) < 2:
        raise Nothing("A contour needs two parameters.")
    if len(v.trials) < 4:
        raise Nothing(f"A contour needs at least 4 finished trials; there are {len(v.trials)}.")
    study = study_of(*v.study_args(MOST_GRID))
    figure = as_json(plot_contour(study, params=v.keys[:2], target_name=v.metric))
    for trace in figure["data"]:
        if trace["type"] == "contour":
            trace["line"] = {"width": 0.4, "color": "@surface", "smoothing": 1.3}
        if trace["type"] == "scatter":
            trace["marker"] = {"color": "@ink", "size": 5, "line": {"color": "@surface", "width": 1}}
    figure["data"] = [trace for trace in figure["data"] if trace.get("x")]
    return figure
