"""The trials as tables: of the page, trials.csv, and the summary in Markdown with the best five."""

import csv
import html
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path

from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search.files import JOB_RECORD, REPORT
from hydra_plugins.hydra_search.trials import (
    CONFIRMS,
    RETRY_OF,
    best_trials,
    confirmed_trials,
    directory_of,
    outcome_of,
    reason_of,
)

from ._advice import Advice
from ._confirmed import confirmation_paragraphs
from ._facts import SearchFacts
from ._trials import Best, by_key, counts, counts_text, retries_of, seconds_of, space_rows, value_text, worker_of

LONG_REASON = 160
BEST_SHOWN = 5


def trials_table(facts: SearchFacts, trials: Sequence[FrozenTrial], best: Best | None) -> str:
    """Return every trial as a row of an HTML table; the page's script sorts and filters them."""
    if not trials:
        return '<p class="reason">The study has no trial yet.</p>\n'
    rows, retries = space_rows(facts, trials), retries_of(trials)
    keys = [key for key in _keys(facts, trials) if any(key in by_key(trial, rows) for trial in trials)]
    failed = any(map(reason_of, trials))
    heads = ["trial", "state", *facts.metrics, *keys, "seconds", "start", "worker", *(["reason"] if failed else [])]
    lines = []
    for trial in trials:
        params = by_key(trial, rows)
        state = outcome_of(trial, facts.max_retries)
        started = trial.datetime_start.strftime("%Y-%m-%d %H:%M:%S") if trial.datetime_start else ""
        cells = [
            _number_cell(trial.number),
            f'<td class="state {state}"><span>{state}</span></td>',
            *map(_number_cell, trial.values or [None] * len(facts.metrics)),
            *(_value_cell(params[key]) if key in params else "<td></td>" for key in keys),
            _number_cell(seconds_of(trial), "{:.3g}"),
            f"<td>{started}</td>",
            f"<td>{html.escape(worker_of(trial))}</td>",
            *([f'<td class="why">{_reason(trial, retries.get(trial.number))}</td>'] if failed else []),
        ]
        marked = ' class="best"' if best and trial.number == best.trial.number else ""
        lines.append(f'<tr data-state="{state}"{marked}>{"".join(cells)}</tr>\n')
    head = "".join(f'<th scope="col"><button type="button">{html.escape(text)}</button></th>' for text in heads)
    table = f'<table id="table"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    choice = _state_filter(facts, trials)
    return f'{choice}<div class="scroll" tabindex="0" aria-label="All trials">{table}</div>\n'


def trials_csv(facts: SearchFacts, trials: Sequence[FrozenTrial], directory: Path) -> str:
    """Return all trials in all states; parameters stand under their config keys."""
    rows, keys, retries = space_rows(facts, trials), _keys(facts, trials), retries_of(trials)
    found = confirmed_trials(trials)
    metrics = ["value"] if len(facts.directions) == 1 else list(facts.metrics)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(
        ["number", "state", *metrics, *(f"params.{key}" for key in keys), "duration_seconds", "start", "end", "worker",
         "directory", "run_id", "reason", "retry_of", "retried_as", "intermediate_values", "confirms", "confirmed_mean",
         "confirmed_std"]
    )  # fmt: skip
    for trial in trials:
        params = by_key(trial, rows)
        place = directory_of(trial, directory)
        times = [time.isoformat() if time else "" for time in (trial.datetime_start, trial.datetime_complete)]
        writer.writerow(
            [trial.number, trial.state.name, *(trial.values or [""] * len(metrics)),
             *(value_text(params[key]) if key in params else "" for key in keys),
             seconds_of(trial), *times, worker_of(trial), f"{directory_of(trial)}/" if place.is_dir() else "",
             _run_id(place), reason_of(trial), trial.user_attrs.get(RETRY_OF), retries.get(trial.number),
             len(trial.intermediate_values), trial.user_attrs.get(CONFIRMS, {}).get("trial"),
             *((of.mean, of.std) if (of := found.get(trial.number)) else (None, None))]
        )  # fmt: skip
    return table.getvalue()


def summary(
    facts: SearchFacts, trials: Sequence[FrozenTrial], best: Best | None, advice: Sequence[Advice], status: str
) -> str:
    """Return the search in short, Markdown; MLflow shows it as the description of the parent run."""
    options = ", ".join(f"{group} {option}" for group, option in facts.choices.items())
    goal = ", ".join(f"{d} {m}" for d, m in zip(facts.directions, facts.metrics, strict=True))
    paragraphs = [
        f"**{facts.study_name}**: {goal}. {f'Searched: {options}. ' if options else ''}Status: {status}.",
        f"Trials: {counts_text(facts, trials, 'none yet')}.",
        *(_best_paragraphs(facts, trials, best) if best else ["No trial finished, so there is no best one."]),
    ]
    if advice:
        items = [f"- {item.text}{f' `{item.override}`' if item.override else ''}" for item in advice]
        paragraphs.append("\n".join(items))
    paragraphs.append(f"Report: `{facts.directory}/{REPORT}`")
    return "\n\n".join(paragraphs) + "\n"


def _keys(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> list[str]:
    return list(dict.fromkeys(row.key for row in space_rows(facts, trials)))


def _state_filter(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> str:
    found = counts(facts, trials).items()
    options = [f'<option value="{state}">{state} ({number})</option>' for state, number in found]
    choice = f'<select id="filter"><option value="">all ({len(trials)})</option>{"".join(options)}</select>'
    return f'<p><label>State {choice}</label> <span id="shown" class="muted" role="status"></span></p>'


def _number_cell(value: float | None, form: str = "{:.6g}") -> str:
    """Return a cell that sorts by its exact number."""
    if value is None or math.isnan(value):
        return '<td class="number" data-sort=""></td>'
    return f'<td class="number" data-sort="{value!r}">{form.format(value)}</td>'


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


def _run_id(job_directory: Path) -> str:
    """Return the id that the job has in a tracking server, where a record of it stands in its directory."""
    try:
        content = json.loads((job_directory / JOB_RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(content.get("run_id") or "") if isinstance(content, dict) else ""


def _best_paragraphs(facts: SearchFacts, trials: Sequence[FrozenTrial], best: Best) -> list[str]:
    """Return the best trial, the command that repeats it, and the table of the best five."""
    number = best.trial.number
    what = f"trial {number}" if best.front == 1 else f"trial {number}, the first of {best.front} on the Pareto front"
    pairs = zip(facts.metrics, best.trial.values, strict=False)
    values = ", ".join(f"{metric} {value:.6g}" for metric, value in pairs)
    found = [f"Best: {what} with {values}, in `{facts.directory}/{directory_of(best.trial)}`."]
    if best.overrides is not None:
        found.append(f"Run it again:\n\n```bash\n{best.short_command or best.full_command}\n```")
    return [*found, *confirmation_paragraphs(facts, trials), _best_table(facts, trials)]


def _best_table(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> str:
    ranked = best_trials(trials, facts.directions)[:BEST_SHOWN]
    rows = space_rows(facts, ranked)
    head = ["trial", *facts.metrics, "parameters", "directory"]
    lines = [head, ["---"] * len(head)]
    for trial in ranked:
        params = " ".join(f"{key}={_short(value)}" for key, value in by_key(trial, rows).items())
        numbers = [f"{value:.6g}" for value in trial.values]
        lines.append([str(trial.number), *numbers, f"`{params}`", f"{facts.directory}/{directory_of(trial)}"])
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else value_text(value)


def _cell(text: str) -> str:
    """Write a text so that it stays in its cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")
