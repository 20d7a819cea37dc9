"""All trials as the table of the page; its script sorts, filters and hides columns, and leads from a plot to a row."""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search.trials import outcome_of, reason_of

from ._facts import SearchFacts, SpaceRow
from ._places import Place, Tracking, link, links_of, run_link
from ._trials import Best, by_key, counts, retries_of, seconds_of, space_rows, value_text, worker_of

LONG_REASON = 160
NUMBERS, TEXTS = "> 0.9", "contains"  # what may be typed above a column
SYNTAX = "a text it contains, = exactly, > 0.9, 1 .. 5, !not"


@dataclass(frozen=True)
class Column:
    """One column, its cells as HTML in the order of the trials."""

    name: str
    cells: list[str]
    is_number: bool = False
    is_shown: bool = True  # False: nothing stands in it
    is_state: bool = False


def trials_table(
    facts: SearchFacts,
    trials: Sequence[FrozenTrial],
    best: Best | None,
    places: Mapping[int, Place],
    tracking: Tracking,
) -> str:
    """Return every trial as a row, in all states, with what may be done with them."""
    if not trials:
        return '<p class="reason">The study has no trial yet.</p>\n'
    columns = [column for column in _columns(facts, trials, places, tracking) if column.is_shown]
    lines = []
    for cells, trial in zip(zip(*(column.cells for column in columns), strict=True), trials, strict=True):
        state = outcome_of(trial, facts.max_retries)
        marked = ' class="best"' if best and trial.number == best.trial.number else ""
        lines.append(f'<tr data-state="{state}" id="trial-{trial.number}"{marked}>{"".join(cells)}</tr>\n')
    head = "".join(_head(column, facts, trials) for column in columns)
    table = f'<table id="table"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    command = f" Runs: <code>{html.escape(tracking.command)}</code>" if tracking.command else ""
    tools = (
        '<div class="tools"><details class="menu" id="columns"><summary>Columns</summary><div></div></details>'
        '<button type="button" id="all-rows" hidden>Clear filters</button>'
        '<span id="shown" class="muted" role="status"></span>'
        f'<span class="muted">Above a column: {html.escape(SYNTAX)}.{command}</span></div>'
    )
    return f'{tools}<div class="scroll" tabindex="0" aria-label="All trials">{table}</div>\n'


def _columns(
    facts: SearchFacts, trials: Sequence[FrozenTrial], places: Mapping[int, Place], tracking: Tracking
) -> list[Column]:
    rows, retries = space_rows(facts, trials), retries_of(trials)
    params = [by_key(trial, rows) for trial in trials]
    values = [trial.values or [None] * len(facts.metrics) for trial in trials]
    states = [outcome_of(trial, facts.max_retries) for trial in trials]
    reasons = [f'<td class="why">{_reason(trial, retries.get(trial.number))}</td>' for trial in trials]
    mine = [places.get(trial.number, Place()) for trial in trials]
    return [
        Column("trial", [_trial_cell(trial, place) for trial, place in zip(trials, mine, strict=True)], is_number=True),
        Column("state", [f'<td class="state {state}"><span>{state}</span></td>' for state in states], is_state=True),
        *(
            Column(metric, [_number_cell(of[index] if index < len(of) else None) for of in values], is_number=True)
            for index, metric in enumerate(facts.metrics)
        ),
        *(_parameter(key, params) for key in _keys(rows) if any(key in of for of in params)),
        Column("seconds", [_number_cell(seconds_of(trial), "{:.3g}") for trial in trials], is_number=True),
        Column("start", [f"<td>{_start(trial)}</td>" for trial in trials]),
        Column("worker", [f"<td>{html.escape(worker_of(trial))}</td>" for trial in trials]),
        Column("files", [f"<td>{links_of(place)}</td>" for place in mine], is_shown=any(p.directory for p in mine)),
        Column(
            "MLflow run",
            [f"<td>{run_link(trial.number, place, tracking)}</td>" for trial, place in zip(trials, mine, strict=True)],
            is_shown=any(place.run_id for place in mine),
        ),
        Column("reason", reasons, is_shown=any(map(reason_of, trials))),
    ]


def _keys(rows: Sequence[SpaceRow]) -> list[str]:
    return list(dict.fromkeys(row.key for row in rows))


def _parameter(key: str, params: Sequence[Mapping[str, object]]) -> Column:
    is_number = all(_is_number(of[key]) for of in params if key in of)
    return Column(key, [_value_cell(of[key]) if key in of else "<td></td>" for of in params], is_number)


def _head(column: Column, facts: SearchFacts, trials: Sequence[FrozenTrial]) -> str:
    """Return the head of a column: a button that sorts by it, and above what its rows are filtered by."""
    name = html.escape(column.name)
    if column.is_state:
        options = "".join(f'<option value="{s}">{s} ({n})</option>' for s, n in counts(facts, trials).items())
        all_of_them = f'<option value="">all ({len(trials)})</option>'
        wanted = f'<select id="filter" aria-label="Filter by state">{all_of_them}{options}</select>'
    else:
        example = NUMBERS if column.is_number else TEXTS
        wanted = f'<input type="search" aria-label="Filter by {name}" placeholder="{html.escape(example)}">'
    return f'<th scope="col" data-name="{name}"><button type="button">{name}</button>{wanted}</th>'


def _trial_cell(trial: FrozenTrial, place: Place) -> str:
    """Return the number, which leads to the directory; where the trial has reported values, also if they are drawn."""
    number = trial.number
    lead = link(f"{place.directory}/", str(number)) if place.directory else number
    chosen = f'<input type="checkbox" aria-label="Draw the curve of trial {number}">'
    return f'<td class="number" data-sort="{number}">{chosen if trial.intermediate_values else ""}{lead}</td>'


def _start(trial: FrozenTrial) -> str:
    return trial.datetime_start.strftime("%Y-%m-%d %H:%M:%S") if trial.datetime_start else ""


def _number_cell(value: float | None, form: str = "{:.6g}") -> str:
    """Return a cell that sorts by its exact number."""
    if value is None or math.isnan(value):
        return '<td class="number" data-sort=""></td>'
    return f'<td class="number" data-sort="{value!r}">{form.format(value)}</td>'


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _value_cell(value: object) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number_cell(value, "{:.5g}" if isinstance(value, float) else "{}")
    return f"<td>{html.escape(value_text(value))}</td>"


def _reason(trial: FrozenTrial, retry: int | None) -> str:
    """Return why a trial failed; the rest of a long reason can be unfolded."""
    text = reason_of(trial).strip()
    again = f", tried again as trial {retry}" if retry is not None else ""
    first = text.splitlines()[0] if text else ""
    if len(text) <= LONG_REASON and text == first:
        return html.escape(text + again)
    short = html.escape(first[:LONG_REASON] + again)
    return f"<details><summary>{short}</summary><pre>{html.escape(text)}</pre></details>"
