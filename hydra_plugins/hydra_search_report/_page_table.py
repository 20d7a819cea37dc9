"""The table of all trials, as HTML."""

import html
import math
from collections.abc import Sequence

from optuna.trial import FrozenTrial

from ._best import Best
from ._facts import SearchFacts
from ._trials import by_key, counts, reason_of, seconds_of, space_rows, state_of, value_text, worker_of

LONG_REASON = 160


def trials_table(facts: SearchFacts, trials: Sequence[FrozenTrial], best: Best | None) -> str:
    """Return every trial as a row; the page's script sorts and filters them."""
    if not trials:
        return '<p class="reason">The study has no trial yet.</p>\n'
    rows = space_rows(facts, trials)
    keys = list(dict.fromkeys(row.key for row in rows))
    keys = [key for key in keys if any(key in by_key(trial, rows) for trial in trials)]
    failed = any(map(reason_of, trials))
    heads = ["trial", "state", *facts.metrics, *keys, "seconds", "start", "worker", *(["reason"] if failed else [])]
    retried = {trial.user_attrs.get("retry_of"): trial.number for trial in trials}
    lines = []
    for trial in trials:
        params = by_key(trial, rows)
        seconds = seconds_of(trial)
        values = list(trial.values or []) + [None] * (len(facts.metrics) - len(trial.values or []))
        state = state_of(trial)
        started = trial.datetime_start.strftime("%Y-%m-%d %H:%M:%S") if trial.datetime_start else ""
        cells = [
            number_cell(trial.number),
            f'<td class="state {state}"><span>{state}</span></td>',
            *map(number_cell, values),
            *(value_cell(params[key]) if key in params else "<td></td>" for key in keys),
            number_cell(seconds, "{:.3g}"),
            f"<td>{started}</td>",
            f"<td>{html.escape(worker_of(trial))}</td>",
            *([f'<td class="why">{reason(trial, retried.get(trial.number))}</td>'] if failed else []),
        ]
        marked = ' class="best"' if best and trial.number == best.trial.number else ""
        lines.append(f'<tr data-state="{state}"{marked}>{"".join(cells)}</tr>\n')
    head = "".join(f'<th scope="col"><button type="button">{html.escape(text)}</button></th>' for text in heads)
    table = f'<table id="table"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    return f'{state_filter(trials)}<div class="scroll" tabindex="0" aria-label="All trials">{table}</div>\n'


def state_filter(trials: Sequence[FrozenTrial]) -> str:
    """Return the choice of the states that are shown."""
    options = [f'<option value="{state}">{state} ({number})</option>' for state, number in counts(trials).items()]
    choice = f'<select id="filter"><option value="">all ({len(trials)})</option>{"".join(options)}</select>'
    return f'<p><label>State {choice}</label> <span id="shown" class="muted" role="status"></span></p>'


def number_cell(value: float | None, form: str = "{:.6g}") -> str:
    """Return a cell that sorts by its exact number."""
    if value is None or math.isnan(value):
        return '<td class="number" data-sort=""></td>'
    return f'<td class="number" data-sort="{value!r}">{form.format(value)}</td>'


def value_cell(value: object) -> str:
    """Return a parameter's cell."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number_cell(value, "{:.5g}" if isinstance(value, float) else "{}")
    return f"<td>{html.escape(value_text(value))}</td>"


def reason(trial: FrozenTrial, retry: int | None) -> str:
    """Return why a trial failed; the rest of a long reason can be unfolded."""
    text = reason_of(trial).strip()
    again = f", tried again as trial {retry}" if retry is not None else ""
    first = text.splitlines()[0] if text else ""
    if len(text) <= LONG_REASON and text == first:
        return html.escape(text + again)
    short = html.escape(first[:LONG_REASON] + again)
    return f"<details><summary>{short}</summary><pre>{html.escape(text)}</pre></details>"
