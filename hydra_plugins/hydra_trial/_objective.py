"""What counts as the result of a job: as many finite numbers as there are objectives."""

import math
from collections.abc import Sequence
from numbers import Real


class InvalidObjective(ValueError):
    """A job returned something that can't be compared with other trials."""


def objective_values(returned: object, n_objectives: int = 1) -> tuple[float, ...]:
    """Return the job's result as floats, shape (n_objectives,).

    A single objective may be a number or a sequence of one. Strings are refused even where they spell a number,
    and so are True and False: both are mistakes far more often than results.

    Raises:
        InvalidObjective: none, nan, infinite, not a number, or not `n_objectives` of them.
    """
    several = isinstance(returned, Sequence) and not isinstance(returned, (str, bytes))
    values = tuple(returned) if several else (returned,)  # type: ignore[arg-type]  # narrowed by `several`
    if len(values) != n_objectives:
        raise InvalidObjective(f"the job must return {n_objectives} value(s), got {len(values)}: {returned!r}")
    return tuple(_finite(value, returned) for value in values)


def _finite(value: object, returned: object) -> float:
    # numpy's scalars register as Real; zero-dimensional arrays and tensors do not, but know __float__ and item.
    is_number = isinstance(value, Real) or (hasattr(value, "__float__") and hasattr(value, "item"))
    if isinstance(value, bool) or not is_number:
        raise InvalidObjective(f"the job must return a number, got {returned!r}")
    number = float(value)  # type: ignore[arg-type]  # has __float__
    if not math.isfinite(number):
        raise InvalidObjective(f"the job must return a finite number, got {returned!r}")
    return number
