"""How far apart confirmed trials of two searches are, and how sure that is. Pure."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev, variance

from hydra_plugins.hydra_search.confirmation import Confirmed, difference
from hydra_plugins.hydra_search.trials import MAXIMIZE

CONFIDENCE = 0.95


def confirmed_difference(confirmed: Sequence[tuple[str, Confirmed]], direction: str) -> str:
    """Say by how much the best mean leads the next, with an interval of confidence.

    Args:
        confirmed: names of two or more searches with the runs of their best trials.
        direction: `maximize` or `minimize`.
    """
    ranked = sorted(confirmed, key=lambda pair: pair[1].mean, reverse=direction == MAXIMIZE)
    (first, one), (second, other) = ranked[:2]
    lead = f"By confirmed runs {first} leads {second}: {one.mean:.6g} beside {other.mean:.6g}"
    found = interval(one, other)
    if found is None:
        return f"{lead}. One run on a side has no interval: whether that is more than luck is not known."
    low, high, how = found
    is_clear = low > 0 or high < 0
    told = "more than the luck of these runs" if is_clear else "no more than luck may bring about"
    return (
        f"{lead}, a difference of {one.mean - other.mean:.3g} ({CONFIDENCE:.0%} interval {low:.3g} to {high:.3g}, "
        f"{how}): {told}. It is about the two configurations found, not about the ways of searching."
    )


def interval(one: Confirmed, other: Confirmed) -> tuple[float, float, str] | None:
    """Return the interval of the difference of two means, and how it was made; None where a side has a single run.

    Runs under the same override are compared pair by pair; without two such pairs it is Welch's interval,
    https://en.wikipedia.org/wiki/Welch%27s_t-test.
    """
    both = sorted(one.values.keys() & other.values.keys())
    if len(both) > 1 and len(both) == len(one.values) == len(other.values):
        pairs = [difference(one.values[override], other.values[override]) for override in both]
        return _around(
            fmean(pairs), stdev(pairs) / math.sqrt(len(pairs)), len(pairs) - 1, f"{len(pairs)} pairs of runs"
        )
    if min(len(one.values), len(other.values)) < 2:
        return None
    parts = [(variance(of.values.values()) / len(of.values), len(of.values)) for of in (one, other)]
    total = sum(part for part, _ in parts)
    freedom = total**2 / sum(part**2 / (n - 1) for part, n in parts) if total else 1.0
    how = f"{len(one.values)} and {len(other.values)} runs"
    return _around(one.mean - other.mean, math.sqrt(total), freedom, how)


def _around(difference: float, error: float, freedom: float, how: str) -> tuple[float, float, str]:
    from scipy.stats import t

    reach = error * float(t.ppf((1 + CONFIDENCE) / 2, freedom))
    return difference - reach, difference + reach, how
