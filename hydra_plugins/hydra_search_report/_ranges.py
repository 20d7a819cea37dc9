"""Where a number stands in its range, and a wider range as Hydra's sweep grammar writes it."""

import math

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution


def place_in(value: object, distribution: BaseDistribution) -> float | None:
    """Return where a number stands in its range, 0 to 1 on its own scale; None where an edge says nothing."""
    if not isinstance(distribution, (IntDistribution, FloatDistribution)) or not isinstance(value, (int, float)):
        return None
    low, high = float(distribution.low), float(distribution.high)
    if distribution.step and (high - low) / distribution.step < 4:  # of a few values, one is at an edge by chance
        return None
    if high <= low:
        return None
    if distribution.log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def wider(distribution: BaseDistribution, *, upper: bool) -> str | None:
    """Return a wider range in Hydra's sweep grammar; None if the edge is most likely a natural one."""
    if not isinstance(distribution, (IntDistribution, FloatDistribution)):
        return None
    low, high = float(distribution.low), float(distribution.high)
    whole = isinstance(distribution, IntDistribution)
    # nothing below 0 or above 1 of a fraction; an int of 1 is a least count
    if (upper and high == 1 and low >= 0) or (not upper and (low == 0 or (whole and low == 1))):
        return None
    if upper:
        high = high * 10 if distribution.log else high + (high - low)
    elif low > 0:
        low = low / 10 if distribution.log else low / 2
    else:
        low -= high - low
    if whole:
        low, high = max(math.floor(low), 1 if distribution.low >= 1 else math.floor(low)), math.ceil(high)
    interval = f"interval({_number_text(low, whole=whole)}, {_number_text(high, whole=whole)})"
    scaled = f"tag(log, {interval})" if distribution.log else interval
    return f"int({scaled})" if whole else scaled


def _number_text(number: float, *, whole: bool) -> str:
    """Write a bound: three digits are enough for a range."""
    return str(int(number)) if whole else repr(float(f"{number:.3g}"))
