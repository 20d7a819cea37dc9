"""Which worker ran which trial when: a row for each worker, so that gaps are seen."""

from collections.abc import Sequence
from datetime import datetime

from optuna.trial import FrozenTrial

from ._plots import Json, Nothing, Plot, plot
from ._trials import STATES, last_moment, seconds_of, state_of, worker_of

MOST_ROWS = 40


def timeline(trials: Sequence[FrozenTrial]) -> Plot:
    """Return the plot; Optuna's own has a row for each trial, in which idle workers can't be seen."""
    started = [trial for trial in trials if trial.datetime_start]
    rows = worker_rows(started)
    caption = "A row is a worker, a bar is a trial: gaps are time in which the worker ran none."
    shown = dict(list(rows.items())[-MOST_ROWS:])
    if len(shown) < len(rows):
        caption += f" The last {len(shown)} of {len(rows)} workers are shown."
    height = 150 + 26 * len(shown)
    return plot("timeline", "Timeline of the workers", lambda: bars(shown, last_moment(trials)), caption, height)


def worker_rows(started: Sequence[FrozenTrial]) -> dict[str, list[FrozenTrial]]:
    """Return each worker's trials in the order of time, the workers in the order of their first one.

    Trials without a recorded worker, of other programs, are laid into as few rows as they need.
    """
    rows: dict[str, list[FrozenTrial]] = {}
    for trial in sorted(started, key=start_of):
        rows.setdefault(worker_of(trial) or free_row(trial, rows), []).append(trial)
    return rows


def free_row(trial: FrozenTrial, rows: dict[str, list[FrozenTrial]]) -> str:
    """Return the first row in which nothing runs any more."""
    number = 1
    while taken := rows.get(f"slot {number}"):
        last = taken[-1].datetime_complete
        if last is not None and last <= start_of(trial):
            break
        number += 1
    return f"slot {number}"


def start_of(trial: FrozenTrial) -> datetime:
    """Return when a started trial started."""
    if trial.datetime_start is None:
        raise ValueError(f"trial {trial.number} has not started")
    return trial.datetime_start


def bars(rows: dict[str, list[FrozenTrial]], end: datetime) -> Json:
    """Return the figure; a running trial's bar ends where the study was last written to."""
    if not rows:
        raise Nothing("No trial has started yet.")
    labels = {worker: f"{position} · {worker}" for position, worker in enumerate(rows, start=1)}
    traces: list[Json] = []
    for state in STATES:
        mine = [(worker, trial) for worker, found in rows.items() for trial in found if state_of(trial) == state]
        if not mine:
            continue
        seconds = [bar_seconds(trial, end) for _, trial in mine]
        traces.append(
            {
                "type": "bar", "orientation": "h", "name": state, "base": [start_of(t).isoformat() for _, t in mine],
                "x": [1000 * length for length in seconds], "y": [labels[worker] for worker, _ in mine],
                "customdata": [[t.number, round(s, 3)] for (_, t), s in zip(mine, seconds, strict=True)],
                "hovertemplate": "trial %{customdata[0]}, %{customdata[1]} s<extra>" + state + "</extra>",
                "marker": {"color": f"@{state}", "line": {"color": "@surface", "width": 0.6}},
            }
        )  # fmt: skip
    order = list(reversed(labels.values()))
    yaxis = {"type": "category", "categoryorder": "array", "categoryarray": order, "showgrid": False}
    layout = {"barmode": "overlay", "bargap": 0.25, "showlegend": True, "xaxis": {"type": "date"}, "yaxis": yaxis}
    return {"data": traces, "layout": layout}


def bar_seconds(trial: FrozenTrial, end: datetime) -> float:
    """Return the length of a trial's bar; none is too short to be seen at all."""
    seconds = seconds_of(trial)
    if seconds is None:
        seconds = (end - start_of(trial)).total_seconds()
    return max(seconds, 0.001)
