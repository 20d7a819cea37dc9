"""The words of the page: what was searched, and the best trial."""

import html
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

from ._best import Best
from ._facts import SearchFacts, SpaceRow
from ._rerun import full_command, has_blank, short_command
from ._trials import branch_text, by_key, directory_of, seconds_of, space_rows, value_text


def goal(facts: SearchFacts) -> str:
    """Return `Maximize accuracy and minimize seconds`."""
    return " and ".join(f"{d} {m}" for d, m in zip(facts.directions, facts.metrics, strict=True)).capitalize()


def facts_part(facts: SearchFacts) -> str:
    """Return what was searched, and where and how."""
    commit = facts.git_commit and f"{facts.git_commit[:12]}{', with uncommitted changes' if facts.git_dirty else ''}"
    started = datetime.fromtimestamp(facts.started).strftime("%Y-%m-%d %H:%M:%S") if facts.started else ""
    pairs = [
        *facts.choices.items(),
        ("fixed", " ".join(facts.fixed)),
        ("sampler", facts.sampler),
        ("pruner", facts.pruner or "none"),
        ("seed", "" if facts.seed is None else str(facts.seed)),
        ("budget", f"{facts.n_trials} trials, {facts.n_jobs} at a time, {facts.max_retries} retries of a lost one"),
        ("started", started),
        ("commit", commit or ""),
        ("versions", ", ".join(f"{name} {version}" for name, version in facts.versions.items())),
        ("study", facts.storage),
        ("directory", facts.directory),
    ]
    command = command_line("started-by", facts.command, "Started by") if facts.command else ""
    resume = command_line("resumed-by", facts.resume, "Go on with") if facts.resume else ""
    return f'<div class="columns"><div>{definitions(pairs)}</div>{space_table(facts.space)}</div>{command}{resume}\n'


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a list of terms and values; those without a value are left out."""
    items = [f"<dt>{html.escape(term)}</dt><dd>{html.escape(value)}</dd>" for term, value in pairs if value]
    return f'<dl class="facts">{"".join(items)}</dl>'


def space_table(rows: Sequence[SpaceRow]) -> str:
    """Return the space, branch by branch."""
    lines = []
    for branch, members in groupby(sorted(rows, key=lambda row: bool(row.branch)), key=lambda row: row.branch):
        if branch:
            lines.append(f'<tr class="branch"><td colspan="2">where {html.escape(branch_text(branch))}</td></tr>')
        lines += [
            f"<tr><td><code>{html.escape(row.key)}</code></td><td><code>{html.escape(row.written)}</code></td></tr>"
            for row in members
        ]
    head = "<thead><tr><th>parameter</th><th>range</th></tr></thead>"
    return (
        f'<div class="wide"><table class="space">{head}<tbody>{"".join(lines)}</tbody></table></div>' if lines else ""
    )


def best_part(facts: SearchFacts, best: Best | None) -> str:
    """Return the best trial, and the command that repeats it."""
    if best is None:
        return '<p class="reason">No trial has finished, so there is no best one.</p>\n'
    trial = best.trial
    numbers = "".join(
        f'<div class="value">{value:.6g}<small>{html.escape(metric)}</small></div>'
        for metric, value in zip(facts.metrics, trial.values, strict=False)
    )
    seconds = seconds_of(trial)
    params = by_key(trial, space_rows(facts, [trial])).items()
    pairs = [
        ("trial", f"{trial.number}" if best.front == 1 else f"{trial.number}, the first of {best.front} on the front"),
        ("directory", f"{facts.directory}/{directory_of(trial)}"),
        ("took", "" if seconds is None else f"{seconds:.3g} s"),
    ]
    chosen = definitions((key, value_text(value)) for key, value in params)
    told = f'<div><div class="values">{numbers}</div>{definitions(pairs)}</div>'
    return f'<div class="card"><div class="columns">{told}<div>{chosen}</div></div>{rerun_part(facts, best)}</div>\n'


def rerun_part(facts: SearchFacts, best: Best) -> str:
    """Return the command in full, which serves always, and the short one where it serves too."""
    if best.overrides is None:
        return '<p class="reason">No overrides are kept in its directory, so its command is not known.</p>'
    full = command_line("rerun", full_command(best.overrides, facts), "Run it again")
    if any(has_blank(line) for line in best.overrides):
        return full
    return f'{full}<p class="muted">In bash also: <code>{html.escape(short_command(facts))}</code></p>'


def command_line(name: str, command: str, label: str) -> str:
    """Return a command with a button that copies it."""
    text = f'<pre id="{name}" aria-label="{label}">{html.escape(command)}</pre>'
    button = f'<button class="copy" type="button" data-of="{name}">Copy</button>'
    return f'<h3 class="label">{label}</h3><div class="command">{text}{button}</div>'
