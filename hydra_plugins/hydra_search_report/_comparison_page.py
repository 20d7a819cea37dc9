"""A comparison as a page like the report: one file with everything in it, for a browser without a network."""

import html
from collections.abc import Sequence
from datetime import datetime
from string import Template

from hydra_plugins.hydra_search.errors import as_sentence

from ._comparison import Comparison, Table
from ._comparison_plots import POINTS, colour_of, curve_plots, parameter_plots
from ._page import asset, head_part
from ._plots import Plot
from ._plots_html import plots_part

NARROW = 2  # so many small plots in a row leave room for another row beside it


def page(comparison: Comparison) -> str:
    """Return the page."""
    import plotly.offline

    first, *others = comparison.tables
    goals = dict.fromkeys(course.goal_text for course in comparison.courses)
    rows = parameter_plots(comparison)
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in comparison.notes)
    parts = {
        "head": head_part(comparison.title),
        "title": html.escape(comparison.title),
        "goal": html.escape(as_sentence("; ".join(goals))),
        "notes": f'<ul class="advice">{notes}</ul>\n',
        "results": _section(comparison, first),
        "course": "".join(plots_part(plots) for plots in curve_plots(comparison)),
        "differences": "".join(_section(comparison, table) for table in others),
        "parameters": _parameters_part(rows),
        "made": datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
        "css": asset("_page.css"),
        "js": asset("_page.js"),
        "plotly": plotly.offline.get_plotlyjs(),
    }
    return Template(asset("_comparison.html")).substitute(parts)


def _parameters_part(rows: Sequence[Sequence[Plot]]) -> str:
    if not rows:
        return '<p class="reason">No finished trials of two searches have a parameter in common.</p>\n'
    fit = ' class="pairs"' if max(map(len, rows)) <= NARROW else ""
    return f'<p class="muted">{POINTS}</p>\n<div{fit}>{"".join(map(plots_part, rows))}</div>\n'


def _section(comparison: Comparison, table: Table) -> str:
    """Return a table with a column for each search, the colour of its curves beside its name."""
    name = table.title.lower().replace(" ", "-")
    start = f'<section aria-labelledby="{name}"><h2 id="{name}">{html.escape(table.title)}</h2>\n'
    if not table.rows:
        return f'{start}<p class="reason">{html.escape(table.none)}</p>\n</section>\n'
    heads = "".join(
        f'<th scope="col"><span class="dot" style="background: var(--{colour_of(comparison, course)})"></span>'
        f"{html.escape(course.search.name)}</th>"
        for course in comparison.courses
    )
    lines = "".join(
        f'<tr><th scope="row">{html.escape(key)}</th>{"".join(map(_cell, texts))}</tr>\n'
        for key, texts in table.rows.items()
    )
    whole = f'<table class="sides"><thead><tr><th></th>{heads}</tr></thead><tbody>{lines}</tbody></table>'
    return f'{start}<div class="wide" tabindex="0" aria-label="{html.escape(table.title)}">{whole}</div>\n</section>\n'


def _cell(text: str) -> str:
    return f"<td>{html.escape(text)}</td>"
