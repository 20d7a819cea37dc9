"""What a job returned: what counts as a result, and the file that keeps it as soon as it is known.

Between the end of a job and the moment when study and tracker have heard of it, the process may be killed. Whoever
finds the trial without an owner reads the result in the job's directory, so that all agree on it.
"""

import json
import math
from collections.abc import Sequence
from numbers import Real
from pathlib import Path

from .errors import InvalidObjective
from .files import LOST, RESULT, write_aside


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


def save_result(directory: Path, values: Sequence[float]) -> None:
    """Keep the objective values, shape (n_objectives,), in the job's output directory."""
    write_aside(directory / RESULT, json.dumps({"values": list(values)}))


def load_result(directory: Path) -> list[float] | None:
    """Return the objective values of the job that wrote into this directory; None if it did not come so far."""
    try:
        content = json.loads((directory / RESULT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return [float(value) for value in content["values"]]


def mark_lost(directory: Path, reason: str) -> None:
    """Leave word in a job's directory that its trial was lost, for whoever can't see the job's process."""
    if directory.is_dir():
        write_aside(directory / LOST, f"{reason}\n")


def is_marked_lost(directory: Path) -> bool:
    """Tell whether the trial of the job that wrote into this directory was lost."""
    return (directory / LOST).exists()


def forget_result(directory: Path) -> None:
    """Take away what an earlier trial has left in a directory, before its job starts."""
    for name in (RESULT, LOST):
        (directory / name).unlink(missing_ok=True)
