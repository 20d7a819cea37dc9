"""What a search found: logged, and written to optimization_results.yaml, with upstream's keys and two more."""

import logging
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import OmegaConf
from optuna.study import StudyDirection
from optuna.study._multi_objective import _get_pareto_front_trials_by_trials
from optuna.trial import FrozenTrial, TrialState

from ._domain import override_text
from ._queue import job_directory

if TYPE_CHECKING:
    from ._search import Search

log = logging.getLogger(__name__)

SWEEPER_KNOB = "hydra.sweeper.study_name"
FILE_NAME = "optimization_results.yaml"


def tell_results(search: "Search", trials: Sequence[FrozenTrial]) -> bool:
    """Log the best trial, or the Pareto front, and write the results file. Returns False if no trial finished."""
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    if not complete:
        return False
    if len(search.directions) == 1:
        best = best_trial(complete, search.directions[0])
        log.info(f"Best parameters: {best.params}")
        log.info(f"Best value: {best.value}")
        content = {"name": "optuna", "best_params": best.params, "best_value": best.value, **where(search, best)}
    else:
        front = pareto_front(complete, search.directions)
        log.info(f"Number of Pareto solutions: {len(front)}")
        for trial in front:
            log.info(f"    Values: {trial.values}, Params: {trial.params}")
        solutions = [{"params": t.params, "values": t.values, **where(search, t)} for t in front]
        content = {"name": "optuna", "solutions": solutions}
    write(Path(search.sweep_dir, FILE_NAME), content)
    return True


def best_trial(complete: Sequence[FrozenTrial], direction: str) -> FrozenTrial:
    """Return the best trial; of equals, the first."""
    sign = 1.0 if direction == "maximize" else -1.0
    return max(complete, key=lambda trial: sign * (trial.value or 0.0))


def pareto_front(complete: Sequence[FrozenTrial], directions: Sequence[str]) -> list[FrozenTrial]:
    """Return the trials that no other beats in every objective, by number."""
    return _get_pareto_front_trials_by_trials(list(complete), [StudyDirection[d.upper()] for d in directions])


def where(search: "Search", trial: FrozenTrial) -> dict[str, object]:
    """Return the number and the directory of a trial."""
    return {"best_trial": trial.number, "best_job_dir": str(job_directory(search.sweep_dir, trial))}


def write(path: Path, content: dict[str, object]) -> None:
    """Write the file aside and rename it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    OmegaConf.save(OmegaConf.create(content), aside)
    aside.replace(path)


def interpreter() -> str:
    """Return how to call this Python: `python` where that is the one, else its path."""
    return "python" if shutil.which("python") == sys.executable else sys.executable


def resume_command(argv: Sequence[str], search: "Search", *, has_knob: bool) -> str:
    """Return the command that goes on with this study.

    Args:
        argv: the program's own arguments, itself first.
        search: what was interrupted.
        has_knob: whether the application's config has a `study_name`, as ours; otherwise the sweeper's own is set.
    """
    given = [key for key in ("study_name", SWEEPER_KNOB) if any(a.startswith(f"{key}=") for a in argv)]
    fixed = {given[-1] if given else "study_name" if has_knob else SWEEPER_KNOB: search.study_name}
    if Path(search.sweep_dir).name != search.study_name:  # it may have the time in its name
        fixed["hydra.sweep.dir"] = search.sweep_dir
    kept = [argument for argument in argv if argument.partition("=")[0] not in fixed]
    return shlex.join([interpreter(), *kept, *(f"{key}={override_text(value)}" for key, value in fixed.items())])
