"""The plots of the whole search: history, Pareto front, intermediate values, and which worker ran which trial when."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from itertools import accumulate

from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search.trials import MAXIMIZE, Outcome, best_trials, finished, outcome_of

from ._axes import value_axis
from ._curves import Curve, chosen_at_first, curves_plot
from ._facts import SearchFacts
from ._plots import Json, Nothing, Plot, named, plot, thinned, thinned_text
from ._trials import by_key, finite, last_moment, seconds_of, space_rows, value_text, worker_of

MOST_CURVES, MOST_WORKERS = 120, 40


def search_plots(facts: SearchFacts, trials: Sequence[FrozenTrial], reported_curves: dict[int, Curve]) -> list[Plot]:
    """Return the plots that concern all trials."""
    plots = [
        plot(
            "history", named("Optimization history", facts, index), partial(history, facts, trials, index),
            "Each point is a finished trial; the line is the best value so far.",
        )
        for index in range(len(facts.directions))
    ]  # fmt: skip
    if len(facts.directions) > 1:
        caption = "Highlighted trials are beaten by no other in every objective at once."
        plots.append(plot("pareto", "Pareto front", partial(pareto, facts, trials), caption, 420))
    reported = [trial for trial in trials if trial.intermediate_values]
    if reported:
        shown = thinned(reported, MOST_CURVES, best_trials(reported, facts.directions)[:20])
        caption = "Each line is a trial: its reported values by step; pruned trials end early."
        caption += thinned_text(len(shown), len(reported))
        make = partial(curves, facts, shown)
        plots.append(plot("intermediate", "Intermediate values and pruning", make, caption))
        plots.append(curves_plot(facts, reported_curves, chosen_at_first(facts, trials)))
    return [*plots, timeline(facts, trials)]


def history(facts: SearchFacts, trials: Sequence[FrozenTrial], index: int) -> Json:
    """Return the values of one objective, and the best so far, by trial number."""
    values = {t.number: t.values[index] for t in finished(trials) if finite([t.values[index]])}
    if not values:
        raise Nothing("No trial has finished yet.")
    better, worst = (max, -math.inf) if facts.directions[index] == MAXIMIZE else (min, math.inf)
    begun = [trial.number for trial in trials if trial.state is not TrialState.WAITING]
    best = accumulate((values.get(number, worst) for number in begun), better)
    dots = {
        "mode": "markers", "name": facts.metrics[index], "x": list(values), "y": list(values.values()),
        "customdata": list(values),
        "marker": {"color": "@finished", "size": 6, "opacity": 0.75},
    }  # fmt: skip
    line = {
        "mode": "lines", "name": "best so far", "x": begun, "y": _drawn(best),
        "line": {"color": "@best", "width": 2, "shape": "hv"},
    }  # fmt: skip
    traces = [{"type": "scatter", **trace} for trace in (dots, line)]
    yaxis = value_axis(facts.metrics[index], values.values(), facts.directions[index])
    return {"data": traces, "layout": {"xaxis": _titled("Trial"), "yaxis": yaxis}}


def pareto(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> Json:
    """Return the values of two or three objectives, the front on top."""
    count = len(facts.directions)
    if count > 3:
        raise Nothing(f"{count} objectives have no picture; trials.csv holds the values.")
    done = [trial for trial in finished(trials) if finite(trial.values)]
    if not done:
        raise Nothing("No trial has finished yet.")
    front = best_trials(done, facts.directions)
    on_front = {trial.number for trial in front}
    others = [trial for trial in done if trial.number not in on_front]
    rows = space_rows(facts, done)
    traces = [
        {
            "type": "scatter" if count == 2 else "scatter3d", "mode": "markers", "showlegend": False,
            **{axis: [trial.values[place] for trial in shown] for place, axis in enumerate("xyz"[:count])},
            "customdata": [trial.number for trial in shown],
            "text": ["<br>".join(_hover_lines(facts, trial, by_key(trial, rows))) for trial in shown],
            "hovertemplate": f"%{{text}}<extra>{kind}</extra>", "marker": {"color": color, "size": size},
        }
        for kind, shown, color, size in (("Trial", others, "@muted", 5), ("Best Trial", front, "@best", 8))
        if shown
    ]  # fmt: skip
    axes = {
        f"{axis}axis": value_axis(
            facts.metrics[place], [trial.values[place] for trial in done], facts.directions[place]
        )
        for place, axis in enumerate("xyz"[:count])
    }
    return {"data": traces, "layout": axes if count == 2 else {"scene": axes}}


def curves(facts: SearchFacts, shown: Sequence[FrozenTrial]) -> Json:
    """Return the reported values by step, coloured by how the trials ended, the best one on top."""
    best = {trial.number for trial in best_trials(shown, facts.directions)[:1]}
    traces: list[Json] = []
    seen: set[str] = set()
    for trial in sorted(shown, key=lambda trial: trial.number in best):
        is_best = trial.number in best
        group = "best" if is_best else str(outcome_of(trial, facts.max_retries))
        steps = sorted(trial.intermediate_values)
        traces.append(
            {
                "type": "scatter", "mode": "lines+markers", "x": steps,
                "y": _drawn(trial.intermediate_values[step] for step in steps),
                "line": {"color": f"@{group}", "width": 3 if is_best else 1.2},
                "marker": {"color": f"@{group}", "size": 4}, "opacity": 1.0 if is_best else 0.6,
                "hovertemplate": f"trial {trial.number}, step %{{x}}: %{{y}}<extra></extra>",
                "meta": {"trial": trial.number}, "legendgroup": group, "name": "best trial" if is_best else group,
                "showlegend": group not in seen,
            }
        )  # fmt: skip
        seen.add(group)
    reported = (value for trial in shown for value in trial.intermediate_values.values())
    axes = {"xaxis": _titled("Step"), "yaxis": value_axis(facts.metrics[0], reported, facts.directions[0])}
    return {"data": traces, "layout": {**axes, "showlegend": True}}


def timeline(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> Plot:
    """Return a row for each worker, so that gaps are seen; Optuna's own plot has a row for each trial."""
    rows = worker_rows(trials)
    caption = "A row is a worker, a bar is a trial: gaps are time in which the worker ran none."
    shown = dict(list(rows.items())[-MOST_WORKERS:])
    if len(shown) < len(rows):
        caption += f" The last {len(shown)} of {len(rows)} workers are shown."
    make = partial(bars, facts, shown, last_moment(trials))
    return plot("timeline", "Timeline of the workers", make, caption, 150 + 26 * len(shown))


def worker_rows(trials: Sequence[FrozenTrial]) -> dict[str, list[FrozenTrial]]:
    """Return each worker's trials in the order of time, the workers in the order of their first one.

    Trials without a recorded worker, of other programs, are laid into as few rows as they need.
    """
    rows: dict[str, list[FrozenTrial]] = {}
    for trial in sorted((trial for trial in trials if trial.datetime_start), key=_start):
        rows.setdefault(worker_of(trial) or _free_row(trial, rows), []).append(trial)
    return rows


def bars(facts: SearchFacts, rows: dict[str, list[FrozenTrial]], end: datetime) -> Json:
    """Return the figure; a running trial's bar ends where something was last recorded."""
    if not rows:
        raise Nothing("No trial has started yet.")
    labels = {worker: f"{position} · {worker}" for position, worker in enumerate(rows, start=1)}
    traces: list[Json] = []
    for outcome in Outcome:
        mine = [
            (labels[worker], trial)
            for worker, trials in rows.items()
            for trial in trials
            if outcome_of(trial, facts.max_retries) is outcome
        ]
        if not mine:
            continue
        seconds = [_bar_seconds(trial, end) for _, trial in mine]
        traces.append(
            {
                "type": "bar", "orientation": "h", "name": outcome, "base": [_start(t).isoformat() for _, t in mine],
                "x": [1000 * length for length in seconds], "y": [label for label, _ in mine],
                "customdata": [[t.number, round(s, 3)] for (_, t), s in zip(mine, seconds, strict=True)],
                "hovertemplate": f"trial %{{customdata[0]}}, %{{customdata[1]}} s<extra>{outcome}</extra>",
                "marker": {"color": f"@{outcome}", "line": {"color": "@surface", "width": 0.6}},
            }
        )  # fmt: skip
    order = list(reversed(labels.values()))
    yaxis = {"type": "category", "categoryorder": "array", "categoryarray": order, "showgrid": False}
    layout = {"barmode": "overlay", "bargap": 0.25, "showlegend": True, "xaxis": {"type": "date"}, "yaxis": yaxis}
    return {"data": traces, "layout": layout}


def _titled(text: str) -> Json:
    return {"title": {"text": text}}


def _drawn(values: Iterable[float]) -> list[float | None]:
    """Return gaps for what no axis has a place for."""
    return [value if math.isfinite(value) else None for value in values]


def _hover_lines(facts: SearchFacts, trial: FrozenTrial, params: dict[str, object]) -> list[str]:
    values = [f"{metric}: {value:.6g}" for metric, value in zip(facts.metrics, trial.values, strict=False)]
    return [f"trial {trial.number}", *values, *(f"{key}: {value_text(value)}" for key, value in params.items())]


def _free_row(trial: FrozenTrial, rows: dict[str, list[FrozenTrial]]) -> str:
    """Return the first row in which nothing runs any more."""
    number = 1
    while taken := rows.get(f"slot {number}"):
        last = taken[-1].datetime_complete
        if last is not None and last <= _start(trial):
            break
        number += 1
    return f"slot {number}"


def _start(trial: FrozenTrial) -> datetime:
    if trial.datetime_start is None:
        raise ValueError(f"trial {trial.number} has not started")
    return trial.datetime_start


def _bar_seconds(trial: FrozenTrial, end: datetime) -> float:
    """Return the length of a trial's bar; none is too short to be seen at all."""
    seconds = seconds_of(trial)
    if seconds is None:
        seconds = (end - _start(trial)).total_seconds()
    return max(seconds, 0.001)
