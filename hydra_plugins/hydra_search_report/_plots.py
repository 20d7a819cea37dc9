"""One plot of the page: made or refused, never raised; and thinning, which keeps the page small."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.trial import FrozenTrial

from ._studies import quiet

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

log = logging.getLogger(__name__)

Json = dict[str, Any]  # Any: a figure as plotly.js reads it


class Nothing(Exception):  # no error: the search has nothing to show here
    """There is nothing to draw; the text says why."""


@dataclass(frozen=True)
class Plot:
    """A place on the page: a figure, or what stands there instead."""

    kind: str
    title: str
    caption: str = ""
    figure: Json | None = None
    # why there is no figure
    reason: str = ""
    height: int = 360
    # small plots of one group stand side by side under its name
    group: str = ""


def plot(
    kind: str, title: str, make: Callable[[], Json], caption: str = "", height: int = 360, group: str = ""
) -> Plot:
    """Make a plot; if that fails, its place says why."""
    try:
        with quiet():
            figure = make()
    except Nothing as nothing:
        return Plot(kind, title, reason=str(nothing), group=group)
    except Exception as error:  # a report never fails for a picture, whatever the plotting library raises
        log.debug(f"The plot {title!r} failed", exc_info=True)
        return Plot(kind, title, reason=f"This plot failed: {type(error).__name__}: {error}", group=group)
    if not has_marks(figure):
        return Plot(kind, title, reason="There is nothing to draw yet.", group=group)
    return Plot(kind, title, caption, figure, height=height, group=group)


def as_json(figure: "Figure") -> Json:
    """Return a figure without its looks, which are the page's: title, template, background, fixed size."""
    content: Json = json.loads(figure.to_json(validate=False))
    for key in ("title", "template", "plot_bgcolor", "width", "height"):
        content["layout"].pop(key, None)
    return content


def has_marks(figure: Json) -> bool:
    """Tell whether anything would be drawn."""
    return any(any(trace.get(axis) for axis in ("x", "y", "z", "dimensions")) for trace in figure["data"])


def thinned(trials: Sequence[FrozenTrial], most: int, always: Sequence[FrozenTrial] = ()) -> list[FrozenTrial]:
    """Return at most so many trials, evenly from the first to the last; `always` are among them."""
    if len(trials) <= most:
        return list(trials)
    kept = {trial.number: trial for trial in always[:most]}
    others = [trial for trial in trials if trial.number not in kept]
    left = most - len(kept)
    kept |= {t.number: t for t in (others[int(i * len(others) / left)] for i in range(left))}
    return [kept[number] for number in sorted(kept)]


def thinned_text(shown: int, total: int) -> str:
    """Say in a caption how many trials are shown; empty if all are."""
    return "" if shown == total else f" {shown} of {total} trials are shown, taken evenly, the best among them."
