"""Plots as parts of a page: figures in a grid, with the data that the page's script draws."""

import html
from collections.abc import Sequence
from itertools import groupby

from ._branches import Section
from ._plots import Plot


def parameters_part(sections: Sequence[Section]) -> str:
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
    """Return figures in a grid, those of one kind side by side; what has nothing to show is left out."""
    shown = [plot for plot in plots if plot.figure is not None or plot.failed]
    if not shown:
        return "".join(f'<p class="reason">{html.escape(plot.reason)}</p>' for plot in plots[:1])
    parts: list[str] = []
    for _, alike in groupby(shown, key=lambda plot: plot.kind):
        figures: list[str] = []
        for group, members in groupby(alike, key=lambda plot: plot.group):
            found = list(members)
            figures += [_framed(group, found)] if group else map(_figure, found)
        parts += figures if len(figures) == 1 else [f'<div class="side">{"".join(figures)}</div>\n']
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
