"""An axis of values on which they can be told apart. Pure: numbers in, plotly's layout of an axis out.

Left alone, plotly shows equal values with a whole 1 on both sides, and lets one bad trial squeeze the others.
"""

import math
from collections.abc import Iterable, Sequence
from statistics import quantiles
from typing import Any

from hydra_plugins.hydra_search.trials import MAXIMIZE

# What lies so many interquartile ranges away is far (Tukey's outer fence).
FENCE = 3.0
# The axis leaves far values out if the others then get this times the room.
GAIN = 2.0
MARGIN = 0.05


def value_axis(title: str, values: Iterable[float | None], direction: str) -> dict[str, Any]:  # Any: as plotly reads it
    """Return the axis of an objective's values; how many it leaves out, on the worse side only, stands in its title."""
    known = sorted(value for value in values if value is not None and math.isfinite(value))
    if not known:
        return {"title": {"text": title}}
    if math.isclose(known[0], known[-1], rel_tol=1e-9, abs_tol=1e-12):
        room = MARGIN * abs(known[0]) or 1.0
        return {"title": {"text": title}, "range": [known[0] - room, known[-1] + room]}
    near = _near(known, direction)
    if near[-1] == near[0] or known[-1] - known[0] < GAIN * (near[-1] - near[0]):
        return {"title": {"text": title}}  # plotly's own range fits
    room = MARGIN * (near[-1] - near[0])
    left_out = f"{len(known) - len(near)} {'below' if direction == MAXIMIZE else 'above'}"
    return {"title": {"text": f"{title} ({left_out})"}, "range": [near[0] - room, near[-1] + room]}


def _near(known: Sequence[float], direction: str) -> list[float]:
    """Return the sorted values without those that are far on the worse side."""
    points = quantiles(known, n=20, method="inclusive")
    low, high = points[4], points[14]
    if low == high:  # most trials are equal, as accuracies on few rows are
        low, high = points[1], points[17]
    reach = FENCE * (high - low)
    return [v for v in known if (v >= low - reach if direction == MAXIMIZE else v <= high + reach)]
