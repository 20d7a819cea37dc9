"""The cheap files: trials.csv, best.txt and summary.md."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from optuna.trial import FrozenTrial

from ._advice import Advice
from ._best import Best
from ._facts import SearchFacts
from ._rerun import full_command, has_blank, short_command
from ._trials import (
    best_trials,
    by_key,
    counts,
    directory_of,
    reason_of,
    seconds_of,
    space_rows,
    value_text,
    worker_of,
)

JOB_FILE = ".mlflow_run.json"
SHOWN = 5


def trials_csv(facts: SearchFacts, trials: Sequence[FrozenTrial], directory: Path) -> str:
    """Return the table of all trials in all states; parameters stand under their config keys."""
    rows = space_rows(facts, trials)
    keys = list(dict.fromkeys(row.key for row in rows))
    metrics = ["value"] if len(facts.directions) == 1 else list(facts.metrics)
    retried = {trial.user_attrs.get("retry_of"): trial.number for trial in trials}
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(
        ["number", "state", *metrics, *(f"params.{key}" for key in keys), "duration_seconds", "start", "end", "worker",
         "directory", "run_id", "reason", "retry_of", "retried_as", "intermediate_values"]
    )  # fmt: skip
    for trial in trials:
        params = by_key(trial, rows)
        writer.writerow(
            [trial.number, trial.state.name, *padded(trial.values, len(metrics)),
             *(value_text(params[key]) if key in params else "" for key in keys),
             "" if seconds_of(trial) is None else seconds_of(trial), moment(trial.datetime_start),
             moment(trial.datetime_complete), worker_of(trial), job_directory(directory, trial),
             run_id(directory, trial), reason_of(trial), trial.user_attrs.get("retry_of", ""),
             retried.get(trial.number, ""), len(trial.intermediate_values)]
        )  # fmt: skip
    return table.getvalue()


def summary(
    facts: SearchFacts, trials: Sequence[FrozenTrial], best: Best | None, advice: Sequence[Advice], status: str
) -> str:
    """Return the search in short, Markdown; MLflow shows it as the description of the parent run."""
    found = ", ".join(f"{number} {state}" for state, number in counts(trials).items()) or "none yet"
    options = ", ".join(f"{group} {option}" for group, option in facts.choices.items())
    goal = ", ".join(f"{d} {m}" for d, m in zip(facts.directions, facts.metrics, strict=True))
    paragraphs = [
        f"**{facts.study_name}**: {goal}. {f'Searched: {options}. ' if options else ''}Status: {status}.",
        f"Trials: {found}, of {facts.n_trials} wanted.",
        *(best_paragraphs(facts, trials, best) if best else ["No trial finished, so there is no best one."]),
    ]
    if advice:
        paragraphs.append(
            "\n".join(f"- {item.text}{f' `{item.override}`' if item.override else ''}" for item in advice)
        )
    paragraphs.append(f"Report: `{facts.directory}/report.html`")
    return "\n\n".join(paragraphs) + "\n"


def best_paragraphs(facts: SearchFacts, trials: Sequence[FrozenTrial], best: Best) -> list[str]:
    """Return the best trial, the command that repeats it, and the table of the best five."""
    number = best.trial.number
    what = f"trial {number}" if best.front == 1 else f"trial {number}, the first of {best.front} on the Pareto front"
    told = [f"Best: {what} with {values_text(facts, best.trial)}, in `{facts.directory}/{directory_of(best.trial)}`."]
    if best.overrides is not None:
        splits = any(has_blank(line) for line in best.overrides)
        command = full_command(best.overrides, facts) if splits else short_command(facts)
        told.append(f"Run it again:\n\n```bash\n{command}\n```")
    return [*told, best_table(facts, trials)]


def best_table(facts: SearchFacts, trials: Sequence[FrozenTrial]) -> str:
    """Return the five best finished trials with their parameters and directories."""
    ranked = best_trials(trials, facts.directions)[:SHOWN]
    rows = space_rows(facts, ranked)
    head = ["trial", *facts.metrics, "parameters", "directory"]
    lines = [head, ["---"] * len(head)]
    for trial in ranked:
        params = " ".join(f"{key}={short_text(value)}" for key, value in by_key(trial, rows).items())
        numbers = [f"{value:.6g}" for value in trial.values]
        lines.append([str(trial.number), *numbers, f"`{params}`", f"{facts.directory}/{directory_of(trial)}"])
    return "\n".join("| " + " | ".join(cell(text) for text in line) + " |" for line in lines)


def values_text(facts: SearchFacts, trial: FrozenTrial) -> str:
    """Return `accuracy 0.93, seconds 1.2`."""
    pairs = zip(facts.metrics, padded_numbers(trial.values), strict=False)
    return ", ".join(f"{metric} {value:.6g}" for metric, value in pairs)


def short_text(value: object) -> str:
    """Write a parameter's value for reading."""
    return f"{value:.4g}" if isinstance(value, float) else value_text(value)


def cell(text: str) -> str:
    """Write a text so that it stays in its cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def padded(values: Sequence[float] | None, count: int) -> list[object]:
    """Return one cell for each objective."""
    return list(values) if values else [""] * count


def padded_numbers(values: Sequence[float] | None) -> list[float]:
    """Return the values, none of a trial without."""
    return list(values or [])


def moment(time: object) -> str:
    """Write a time as ISO 8601, local as Optuna keeps it."""
    return time.isoformat() if hasattr(time, "isoformat") else ""


def job_directory(directory: Path, trial: FrozenTrial) -> str:
    """Return the job's directory below the sweep's, empty before it is made."""
    return f"{directory_of(trial)}/" if (directory / directory_of(trial)).is_dir() else ""


def run_id(directory: Path, trial: FrozenTrial) -> str:
    """Return the id that the job has in a tracking server, where a record of it stands in its directory."""
    try:
        content = json.loads((directory / directory_of(trial) / JOB_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(content.get("run_id") or "") if isinstance(content, dict) else ""
