"""What a search found as files for other programs: trials.csv, and the summary in Markdown with the best five."""

import csv
import io
from collections.abc import Mapping, Sequence

from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search.files import REPORT
from hydra_plugins.hydra_search.trials import CONFIRMS, RETRY_OF, best_trials, confirmed_trials, directory_of, reason_of

from ._advice import Advice
from ._confirmed import confirmation_paragraphs
from ._facts import SearchFacts
from ._places import Place
from ._trials import Best, by_key, counts_text, retries_of, seconds_of, space_rows, value_text, worker_of

BEST_SHOWN = 5


def trials_csv(facts: SearchFacts, trials: Sequence[FrozenTrial], places: Mapping[int, Place]) -> str:
    """Return all trials in all states; parameters stand under their config keys."""
    rows, retries = space_rows(facts, trials), retries_of(trials)
    keys = list(dict.fromkeys(row.key for row in rows))
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
        place = places[trial.number]
        times = [time.isoformat() if time else "" for time in (trial.datetime_start, trial.datetime_complete)]
        writer.writerow(
            [trial.number, trial.state.name, *(trial.values or [""] * len(metrics)),
             *(value_text(params[key]) if key in params else "" for key in keys),
             seconds_of(trial), *times, worker_of(trial), f"{place.directory}/" if place.directory else "",
             place.run_id, reason_of(trial), trial.user_attrs.get(RETRY_OF), retries.get(trial.number),
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
