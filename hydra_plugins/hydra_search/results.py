"""What a job returned: what counts as a result, and the file that keeps it as soon as it is known.

Between the end of a job and the moment when study and tracker have heard of it, the process may be killed. Whoever
finds the trial without an owner reads the result in the job's directory, so that all agree on it. A file belongs to
an attempt at a trial, not to the place where it lies: directories are copied, and outlive their study.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

from .errors import InvalidObjective, NotFinite
from .files import LOST, OF_JOB, RESULT, read_object, write_aside
from .owner import Owner


@dataclass(frozen=True)
class Attempt:
    """One trial in the hands of one process: there is no second one like it, in no study."""

    worker: Owner
    trial: int | None  # its number; None of a single job

    def as_json(self) -> dict[str, object]:
        """Return what tells the files of this attempt from those of all others."""
        return {"trial": self.trial, "worker": self.worker.as_attribute()}

    def has_written(self, content: object) -> bool:
        """Tell whether a file with this content is of this attempt."""
        if not isinstance(content, Mapping) or content.get("trial") != self.trial:
            return False
        return Owner.of_attribute(content.get("worker")) == self.worker


def objective_values(returned: object, n_objectives: int = 1) -> tuple[float, ...]:
    """Return the job's result as floats, shape (n_objectives,).

    A single objective may be a number or a sequence of one; an array or a tensor of one axis is a sequence. Strings
    are refused even where they spell a number, and so are True and False: both are mistakes more often than results.

    Raises:
        InvalidObjective: none, nan, infinite, not a number, or not `n_objectives` of them.
    """
    listed = isinstance(returned, Sequence) and not isinstance(returned, (str, bytes))
    several = listed or getattr(returned, "ndim", 0) == 1
    values = tuple(returned) if several else (returned,)  # type: ignore[arg-type]  # narrowed by `several`
    if len(values) != n_objectives:
        raise InvalidObjective(f"the job must return {n_objectives} value(s), got {len(values)}: {returned!r}")
    return tuple(_finite(value, returned) for value in values)


def _finite(value: object, returned: object) -> float:
    # Arrays and tensors of one number, and numpy's scalars, know what they are in Python: np.bool_ is a bool.
    if hasattr(value, "item") and hasattr(value, "__float__"):
        try:
            value = value.item()
        except (ValueError, RuntimeError, TypeError) as error:  # an array, or a tensor, of several
            raise InvalidObjective(f"the job must return a number, got {returned!r}") from error
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidObjective(f"the job must return a number, got {returned!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise NotFinite(f"the job must return a finite number, got {returned!r}")
    return number


def save_result(directory: Path, values: Sequence[float], attempt: Attempt, violation: float = 0.0) -> None:
    """Keep the objective values, shape (n_objectives,), in the job's output directory; see `note_violation` too."""
    broken = {"violation": violation} if violation else {}
    write_aside(directory / RESULT, json.dumps({"values": list(values), **attempt.as_json(), **broken}))


def load_result(directory: Path, attempt: Attempt) -> list[float] | None:
    """Return the objective values that this attempt has left here; None if it did not come so far."""
    content = read_object(directory / RESULT)
    return [float(value) for value in content["values"]] if attempt.has_written(content) else None


def note_violation(directory: Path, violation: float, attempt: Attempt) -> None:
    """Add to the result of this attempt by how much it breaks its constraints; whoever looks for the best reads it."""
    content = read_object(directory / RESULT)
    if violation and attempt.has_written(content):
        write_aside(directory / RESULT, json.dumps(content | {"violation": violation}))


def load_violation(directory: Path, attempt: Attempt) -> float:
    """Return by how much the attempt breaks its constraints: 0 where there are none."""
    content = read_object(directory / RESULT)
    return float(content.get("violation", 0.0)) if attempt.has_written(content) else 0.0


def mark_lost(directory: Path, reason: str, attempt: Attempt, *, failed: bool = False) -> None:
    """Leave word in a job's directory that the study has closed its trial, for whoever can't see the job's process.

    Args:
        directory: the job's.
        reason: why.
        attempt: whose trial it is.
        failed: the job itself is to blame: the trial is not run again.
    """
    if directory.is_dir():
        write_aside(
            directory / LOST,
            json.dumps({"reason": reason, **attempt.as_json(), **({"failed": True} if failed else {})}),
        )


def reason_of_loss(directory: Path, attempt: Attempt) -> str | None:
    """Return why the study has closed the trial without this attempt's result; None if nobody says that it has."""
    content = read_object(directory / LOST)
    return str(content.get("reason")) if attempt.has_written(content) else None


def was_failed(directory: Path, attempt: Attempt) -> bool:
    """Tell whether the study has closed the trial as one whose job has failed."""
    content = read_object(directory / LOST)
    return attempt.has_written(content) and bool(content.get("failed"))


def forget_result(directory: Path) -> None:
    """Take away what an earlier attempt has left in a directory, before a job starts there."""
    for name in OF_JOB:
        (directory / name).unlink(missing_ok=True)
