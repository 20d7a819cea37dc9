"""report.html: one page with everything in it, for a browser without a network."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from itertools import groupby
from string import Template

from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search.trials import confirmed_trials, directory_of, over

from ._advice import Advice
from ._branches import Section
from ._confirmed import confirmation_part, mean_text
from ._facts import SearchFacts, SpaceRow
from ._plots import Plot
from ._tables import trials_table
from ._trials import Best, branch_text, by_key, counts_text, seconds_of, space_rows, value_text


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

    def html(self) -> str:
        """Return the page, with plotly.js: 4.7 MB and what the plots hold."""
        import plotly.offline

        facts = self.facts
        goal = " and ".join(f"{d} {m}" for d, m in zip(facts.directions, facts.metrics, strict=True)).capitalize()
        parts = {
            "title": html.escape(f"{facts.study_name}: {self.status}"),
            "study": html.escape(facts.study_name),
            "goal": html.escape(goal),
            "status": html.escape(self.status),
            "tone": tone(self.status),
            "counts": html.escape(counts_text(facts, self.trials, "no trial yet")),
            "facts": _facts_part(facts, self.trials, self.status),
            "best": _best_part(facts, self.best, self.trials),
            "confirmation": confirmation_part(facts, self.trials),
            "advice": _advice_part(self.advice),
            "course": plots_part(self.course),
            "parameters": _parameters_part(self.sections),
            "trials": trials_table(facts, self.trials, self.best),
            "made": datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
            "css": asset("_page.css"),
            "js": asset("_page.js"),
            "plotly": plotly.offline.get_plotlyjs(),
        }
        return Template(asset("_page.html")).substitute(parts)


def tone(status: str) -> str:
    """Return the class that colours the status."""
    if status.startswith("running"):
        return "busy"
    as_asked = ("ended by n_trials", "ended by target", "ended by timeout", "complete")
    return "good" if status.startswith(as_asked) else "bad"


def asset(name: str) -> str:
    """Return a file of this package: of styles, scripts, or a page with places to fill."""
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
    items = [f"<dt>{html.escape(term)}</dt><dd>{html.escape(value)}</dd>" for term, value in pairs if value]
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


def _best_part(facts: SearchFacts, best: Best | None, trials: Sequence[FrozenTrial]) -> str:
    """Return the best trial, and the command that repeats it."""
    if best is None:
        return '<p class="reason">No trial has finished, so there is no best one.</p>\n'
    trial = best.trial
    numbers = "".join(
        f'<div class="value">{value:.6g}<small>{html.escape(metric)}</small></div>'
        for metric, value in zip(facts.metrics, trial.values, strict=False)
    )
    seconds = seconds_of(trial)
    of = confirmed_trials(trials).get(trial.number)
    params = by_key(trial, space_rows(facts, [trial])).items()
    pairs = [
        ("trial", f"{trial.number}" if best.front == 1 else f"{trial.number}, the first of {best.front} on the front"),
        ("confirmed", mean_text(of) if of else ""),
        ("directory", f"{facts.directory}/{directory_of(trial)}"),
        ("took", "" if seconds is None else f"{seconds:.3g} s"),
    ]
    chosen = _definitions((key, value_text(value)) for key, value in params)
    about = f'<div><div class="values">{numbers}</div>{_definitions(pairs)}</div>'
    return f'<div class="card"><div class="columns">{about}<div>{chosen}</div></div>{_rerun_part(best)}</div>\n'


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


def _parameters_part(sections: Sequence[Section]) -> str:
    """Return the plots by branch, with a choice of the branch where there are several."""
    parts = []
    for place, section in enumerate(sections):
        hidden = " hidden" if place else ""
        parts.append(f'<div class="branch-plots" id="branch-{place}"{hidden}>{plots_part(section.plots)}</div>\n')
    if len(sections) == 1:
        return parts[0]
    labels = [
        f'<label><input type="radio" name="branch" value="branch-{place}"{"" if place else " checked"}>'
        f"{html.escape(section.title)} <span>({section.finished})</span></label>"
        for place, section in enumerate(sections)
    ]
    legend = "Shown over the finished trials of (their number):"
    return f"<fieldset><legend>{legend}</legend>{''.join(labels)}</fieldset>\n{''.join(parts)}"


def plots_part(plots: Sequence[Plot]) -> str:
    """Return figures in a grid; those of one group share a frame, and what has nothing to show is left out."""
    shown = [plot for plot in plots if plot.figure is not None or plot.failed]
    if not shown:
        return "".join(f'<p class="reason">{html.escape(plot.reason)}</p>' for plot in plots[:1])
    parts: list[str] = []
    for group, members in groupby(shown, key=lambda plot: plot.group):
        found = list(members)
        parts += [_framed(group, found)] if group else map(_figure, found)
    return f'<div class="plots">{"".join(parts)}</div>'


def _figure(plot: Plot) -> str:
    caption = f"<figcaption>{html.escape(plot.caption)}</figcaption>" if plot.caption else ""
    return f'<figure class="{plot.kind}"><h3>{html.escape(plot.title)}</h3>{_place(plot)}{caption}</figure>\n'


def _framed(group: str, members: Sequence[Plot]) -> str:
    """Return small plots side by side."""
    inner = "".join(f"<div><h4>{html.escape(plot.title)}</h4>{_place(plot, small=True)}</div>" for plot in members)
    caption = html.escape(next((plot.caption for plot in members if plot.caption), ""))
    title = html.escape(group)
    return f'<figure class="group"><h3>{title}</h3><div>{inner}</div><figcaption>{caption}</figcaption></figure>\n'


def _place(plot: Plot, *, small: bool = False) -> str:
    """Return where a plot is drawn, with its data; or the reason why there is none."""
    if plot.figure is None:
        return f'<p class="reason">{html.escape(plot.reason)}</p>'
    label = html.escape(plot.title)
    flag = " data-small" if small else ""
    frame = f'<div class="plot" role="img" aria-label="{label}"{flag} style="height:{plot.height}px"></div>'
    data = plot.figure.replace("<", "\\u003c")  # so that it can't end the script element
    return f'<div class="wide">{frame}<script type="application/json">{data}</script></div>'
