"""report.html: one page with everything in it, for a browser without a network."""

import html
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import resources
from itertools import groupby
from string import Template

from optuna.trial import FrozenTrial

from ._advice import Advice
from ._best import Best
from ._branches import Section
from ._facts import SearchFacts
from ._page_table import trials_table
from ._page_text import best_part, facts_part, goal
from ._plots import Plot
from ._trials import counts


def page(
    facts: SearchFacts,
    trials: Sequence[FrozenTrial],
    best: Best | None,
    advice: Sequence[Advice],
    course: Sequence[Plot],
    sections: Sequence[Section],
    status: str,
) -> str:
    """Return the page."""
    import plotly.offline

    found = ", ".join(f"{number} {state}" for state, number in counts(trials).items()) or "no trial yet"
    parts = {
        "title": html.escape(f"{facts.study_name}: {status}"),
        "study": html.escape(facts.study_name),
        "goal": html.escape(goal(facts)),
        "status": html.escape(status),
        "tone": tone(status),
        "counts": html.escape(f"{found}, of {facts.n_trials} wanted"),
        "facts": facts_part(facts),
        "best": best_part(facts, best),
        "advice": advice_part(advice),
        "course": "".join(map(figure, course)),
        "parameters": parameters_part(sections),
        "trials": trials_table(facts, trials, best),
        "made": datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
        "css": asset("_page.css"),
        "js": asset("_page.js"),
        "plotly": plotly.offline.get_plotlyjs(),
    }
    return Template(asset("_page.html")).substitute(parts)


def asset(name: str) -> str:
    """Return a file of this package."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def tone(status: str) -> str:
    """Return the class that colours the status."""
    if status.startswith("running"):
        return "busy"
    as_asked = ("ended by n_trials", "ended by target", "ended by timeout", "complete")
    return "good" if status.startswith(as_asked) else "bad"


def advice_part(advice: Sequence[Advice]) -> str:
    """Return the list of suggestions."""
    if not advice:
        return '<p class="reason">The trials so far give no reason to change the search.</p>\n'
    items = [
        f"<li>{html.escape(item.text)}{f' <code>{html.escape(item.override)}</code>' if item.override else ''}</li>"
        for item in advice
    ]
    return f'<ul class="advice">{"".join(items)}</ul>\n'


def parameters_part(sections: Sequence[Section]) -> str:
    """Return the plots by branch, with a choice of the branch where there are several."""
    parts = []
    for place, section in enumerate(sections):
        hidden = " hidden" if place else ""
        parts.append(f'<div class="branch-plots" id="branch-{place}"{hidden}>{plots(section.plots)}</div>\n')
    if len(sections) == 1:
        return parts[0]
    labels = [
        f'<label><input type="radio" name="branch" value="branch-{place}"{"" if place else " checked"}>'
        f"{html.escape(section.title)} <span>({section.finished})</span></label>"
        for place, section in enumerate(sections)
    ]
    legend = "Shown over the finished trials of (their number):"
    return f"<fieldset><legend>{legend}</legend>{''.join(labels)}</fieldset>\n{''.join(parts)}"


def plots(shown: Sequence[Plot]) -> str:
    """Return figures in a grid; those of one group share a frame."""
    parts: list[str] = []
    for group, members in groupby(shown, key=lambda plot: plot.group):
        found = list(members)
        parts += [framed(group, found)] if group else map(figure, found)
    return f'<div class="plots">{"".join(parts)}</div>'


def figure(plot: Plot) -> str:
    """Return a plot with its title and caption."""
    caption = f"<figcaption>{html.escape(plot.caption)}</figcaption>" if plot.caption else ""
    return f'<figure class="{plot.kind}"><h3>{html.escape(plot.title)}</h3>{place(plot)}{caption}</figure>\n'


def framed(group: str, members: Sequence[Plot]) -> str:
    """Return small plots side by side."""
    inner = "".join(f"<div><h4>{html.escape(plot.title)}</h4>{place(plot, small=True)}</div>" for plot in members)
    caption = html.escape(next((plot.caption for plot in members if plot.caption), ""))
    title = html.escape(group)
    return f'<figure class="group"><h3>{title}</h3><div>{inner}</div><figcaption>{caption}</figcaption></figure>\n'


def place(plot: Plot, *, small: bool = False) -> str:
    """Return where a plot is drawn, with its data; or the reason why there is none."""
    if plot.figure is None:
        return f'<p class="reason">{html.escape(plot.reason)}</p>'
    label = html.escape(plot.title)
    flag = " data-small" if small else ""
    frame = f'<div class="plot" role="img" aria-label="{label}"{flag} style="height:{plot.height}px"></div>'
    return f'<div class="wide">{frame}<script type="application/json">{script_json(plot.figure)}</script></div>'


def script_json(value: Mapping[str, object]) -> str:
    """Write JSON that can't end the script element it stands in."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
