"""report.html: one page with everything in it, for a browser without a network."""

import html
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from itertools import groupby
from string import Template

from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search.errors import as_sentence
from hydra_plugins.hydra_search.trials import confirmed_trials, directory_of, over

from ._advice import Advice
from ._branches import Section
from ._confirmed import confirmation_part, mean_text
from ._curves import Curve, curves_data
from ._facts import SearchFacts, SpaceRow
from ._front import front_part
from ._places import Place, Tracking, link, run_link, trial_link
from ._plots import Plot
from ._plots_html import parameters_part, plots_part
from ._trial_table import trials_table
from ._trials import Best, branch_text, by_key, counts_text, seconds_of, space_rows, value_text

RUNNING = "running"  # as the status of a search that goes on begins
ALIVE = 'data-alive="{:.0f}"'  # seconds since the epoch, in the page's first line but one
HEAD = 200  # characters in which that stands


@dataclass(frozen=True)
class Page:
    """What stands on it."""

    facts: SearchFacts
    trials: Sequence[FrozenTrial]
    status: str
    best: Best | None
    advice: Sequence[Advice]
    course: Sequence[Plot]  # the plots of the whole search
    sections: Sequence[Section]  # the plots of the parameters
    curves: dict[int, Curve]  # that can be chosen
    places: Mapping[int, Place]
    tracking: Tracking
    pictures: str  # of the best trial, HTML
    every: float  # seconds after which a running search writes it again, at the latest

    def html(self) -> str:
        """Return the page, with plotly.js: 4.7 MB and what the plots hold."""
        import plotly.offline

        facts, is_live, now = self.facts, self.status.startswith(RUNNING), time.time()
        goal = " and ".join(f"{d} {m}" for d, m in zip(facts.directions, facts.metrics, strict=True))
        parts = {
            "live": f' data-written="{now:.0f}"{self._life(now) if is_live else ""}',
            "head": head_part(f"{facts.study_name}: {self.status}"),
            "study": html.escape(facts.study_name),
            "goal": html.escape(as_sentence(goal)),
            "status": html.escape(self.status),
            "tone": tone(self.status),
            "then": "; the search was running then" if is_live else "",
            "counts": html.escape(counts_text(facts, self.trials, "no trial yet")),
            "facts": _facts_part(facts, self.trials, self.status),
            "best": _best_part(self),
            "front": front_part(facts, self.trials),
            "confirmation": confirmation_part(facts, self.trials),
            "advice": _advice_part(self.advice),
            "course": plots_part(self.course),
            "parameters": parameters_part(self.sections),
            "trials": trials_table(facts, self.trials, self.best, self.places, self.tracking),
            "curves": curves_data(self.curves),
            "made": datetime.fromtimestamp(now).strftime("%Y-%m-%d %H:%M:%S"),
            "css": asset("_page.css"),
            "js": "\n".join(map(asset, ("_live.js", "_view.js"))),
            "plots_js": asset("_page.js"),
            "plotly": plotly.offline.get_plotlyjs(),
        }
        return Template(asset("_page.html")).substitute(parts)

    def _life(self, now: float) -> str:
        return f' {ALIVE.format(now)} data-every="{self.every:.0f}"'


def still_running(page: str) -> str:
    """Return the page of a running search with this moment as its last sign of life."""
    alive = ALIVE.format(time.time())
    return re.sub(ALIVE.format(0).replace("0", r"\d+"), alive, page[:HEAD]) + page[HEAD:]


def tone(status: str) -> str:
    """Return the class that colours the status."""
    if status.startswith(RUNNING):
        return "busy"
    as_asked = ("ended by n_trials", "ended by target", "ended by timeout", "ended by stop", "complete")
    return "good" if status.startswith(as_asked) else "bad"


def head_part(title: str) -> str:
    """Return the head of a page, which keeps it from asking any other machine for anything."""
    return Template(asset("_head.html")).substitute(title=html.escape(title))


def asset(name: str) -> str:
    """Return a file that stands beside this module."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def go_on_command(facts: SearchFacts, trials: Sequence[FrozenTrial], status: str) -> str:
    """Return the command that makes further trials; empty where the same settings would end at once."""
    if status in ("ended by target", "ended by max_failure_rate"):
        return ""
    return facts.extend if len(over(trials, facts.max_retries)) >= facts.n_trials else facts.resume


def _facts_part(facts: SearchFacts, trials: Sequence[FrozenTrial], status: str) -> str:
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
        ("started in, as are its commands", facts.folder),
    ]
    command = _command("started-by", facts.command, "Started by") if facts.command else ""
    onward = go_on_command(facts, trials, status)
    resume = _command("resumed-by", onward, "Go on with") if onward else ""
    return f'<div class="columns"><div>{_definitions(pairs)}</div>{_space_table(facts.space)}</div>{command}{resume}\n'


def _definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a list of terms and values; those without a value are left out."""
    return _terms((term, html.escape(value)) for term, value in pairs)


def _terms(pairs: Iterable[tuple[str, str]]) -> str:
    """Return the same of values that are HTML."""
    items = [f"<dt>{html.escape(term)}</dt><dd>{value}</dd>" for term, value in pairs if value]
    return f'<dl class="facts">{"".join(items)}</dl>'


def _space_table(rows: Sequence[SpaceRow]) -> str:
    """Return the space, branch by branch."""
    if not rows:
        return ""
    lines = []
    for branch, members in groupby(sorted(rows, key=lambda row: bool(row.branch)), key=lambda row: row.branch):
        if branch:
            lines.append(f'<tr class="branch"><td colspan="2">where {html.escape(branch_text(branch))}</td></tr>')
        lines += [
            f"<tr><td><code>{html.escape(row.key)}</code></td><td><code>{html.escape(row.written)}</code></td></tr>"
            for row in members
        ]
    head = "<thead><tr><th>parameter</th><th>range</th></tr></thead>"
    return f'<div class="wide"><table class="space">{head}<tbody>{"".join(lines)}</tbody></table></div>'


def _best_part(page: Page) -> str:
    """Return the best trial with what it has left, and the command that repeats it."""
    facts, best = page.facts, page.best
    if best is None:
        return '<p class="reason">No trial has finished, so there is no best one.</p>\n'
    trial = best.trial
    numbers = "".join(
        f'<div class="value">{value:.6g}<small>{html.escape(metric)}</small></div>'
        for metric, value in zip(facts.metrics, trial.values, strict=False)
    )
    seconds = seconds_of(trial)
    of = confirmed_trials(page.trials).get(trial.number)
    place = page.places.get(trial.number, Place())
    of_front = f", the first of {best.front} on the Pareto front" if best.front > 1 else ""
    directory = f"{facts.directory}/{directory_of(trial)}"
    pairs = [
        ("trial", f"{trial_link(trial.number)}{of_front}"),
        ("confirmed", html.escape(mean_text(of)) if of else ""),
        ("directory", link(f"{place.directory}/", directory) if place.directory else html.escape(directory)),
        ("MLflow run", run_link(trial.number, place, page.tracking)),
        ("took", "" if seconds is None else f"{seconds:.3g} s"),
    ]
    params = by_key(trial, space_rows(facts, [trial])).items()
    chosen = _definitions((key, value_text(value)) for key, value in params)
    about = f'<div><div class="values">{numbers}</div>{_terms(pairs)}</div>'
    inner = f'<div class="columns">{about}<div>{chosen}</div></div>{_rerun_part(best)}{page.pictures}'
    return f'<div class="card">{inner}</div>\n'


def _rerun_part(best: Best) -> str:
    """Return the command in full, which serves always, and the short one where it serves too."""
    if best.overrides is None:
        return '<p class="reason">No overrides are kept in its directory, so its command is not known.</p>'
    full = _command("rerun", best.full_command, "Run it again")
    if not best.short_command:
        return full
    return f'{full}<p class="muted">In bash also: <code>{html.escape(best.short_command)}</code></p>'


def _command(name: str, command: str, label: str) -> str:
    """Return a command with a button that copies it."""
    text = f'<pre id="{name}" aria-label="{label}">{html.escape(command)}</pre>'
    button = f'<button class="copy" type="button" data-of="{name}">Copy</button>'
    return f'<h3 class="label">{label}</h3><div class="command">{text}{button}</div>'


def _advice_part(advice: Sequence[Advice]) -> str:
    if not advice:
        return '<p class="reason">The trials so far give no reason to change the search.</p>\n'
    items = [
        f"<li>{html.escape(item.text)}{f' <code>{html.escape(item.override)}</code>' if item.override else ''}</li>"
        for item in advice
    ]
    return f'<ul class="advice">{"".join(items)}</ul>\n'
