"""What a trial's numbers must keep to be one that may win: `hydra.sweeper.constraints`, `{fit_seconds: "<= 2"}`."""

import json
import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.errors import InvalidObjective, bad_input
from hydra_plugins.hydra_search.files import METRICS
from hydra_plugins.hydra_search.trials import is_feasible

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

KEY = "hydra.sweeper.constraints"
RELATION = re.compile(r"\s*(<=|>=)\s*([-+]?[\d.]+(?:e[-+]?\d+)?)\s*", re.IGNORECASE)
EXAMPLE = 'Write {fit_seconds: "<= 2"}, for example.'


@dataclass(frozen=True)
class Constraint:
    """A bound on one number that each job leaves."""

    name: str
    relation: str  # <= or >=
    bound: float

    def excess(self, number: float) -> float:
        """Return by how much the number breaks the bound; 0 or less where it keeps it, as Optuna counts."""
        return number - self.bound if self.relation == "<=" else self.bound - number

    def __str__(self) -> str:
        return f"{self.name} {self.relation} {self.bound:g}"


def read_constraints(value: object) -> tuple[Constraint, ...]:
    """Read the setting. Raises BadInput."""
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        raise bad_input(KEY, value, "must map names of numbers to bounds", EXAMPLE)
    found = []
    for name, text in value.items():
        match = RELATION.fullmatch(str(text))
        try:
            found.append(Constraint(str(name), match[1], float(match[2])) if match else None)
        except ValueError:  # two points in one number
            found.append(None)
        if found[-1] is None:
            raise bad_input(f"{KEY}.{name}", text, 'must be "<= number" or ">= number"', EXAMPLE)
    return tuple(constraint for constraint in found if constraint)


def excesses(
    constraints: tuple[Constraint, ...], directory: Path, attributes: Mapping[str, object]
) -> dict[str, float]:
    """Return by how much a job's numbers break each constraint, by its name; 0 or less where they keep it.

    Args:
        constraints: what to look at.
        directory: the job's, where it may have written metrics.json.
        attributes: of the trial, set by the job.

    Raises:
        InvalidObjective: the job has left no such number, so that nobody can say whether it keeps the constraint.
    """
    numbers = {**attributes, **_metrics_in(directory)} if constraints else {}
    found = {}
    for constraint in constraints:
        number = numbers.get(constraint.name)
        if isinstance(number, bool) or not isinstance(number, Real) or math.isnan(number):
            left = ", ".join(sorted(name for name, value in numbers.items() if isinstance(value, Real))) or "none"
            raise InvalidObjective(
                f"{KEY}: the job must leave a number {constraint.name}, in {METRICS} or by set_user_attr; "
                f"got {number!r}. The numbers that it has left: {left}."
            )
        found[constraint.name] = constraint.excess(float(number))
    return found


def count_feasible(constraints: Sequence[Constraint], finished: Sequence["FrozenTrial"]) -> dict[str, int]:
    """Say how many of the finished trials keep their constraints. Returns it for the results file, if there are any."""
    number = sum(map(is_feasible, finished))
    named = f" ({', '.join(map(str, constraints))})" if constraints else ""
    if not number:
        log.warning(f"No finished trial keeps the constraints{named}: what is called best breaks them least.")
    elif constraints or number < len(finished):
        log.info(f"Feasible: {number} of {len(finished)} finished trials keep the constraints{named}")
    return {"feasible_trials": number} if constraints or number < len(finished) else {}


def _metrics_in(directory: Path) -> Mapping[str, object]:
    try:
        content = json.loads((directory / METRICS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, Mapping) else {}
