"""Each trial has a directory of its own: a pattern that gives all the same is refused, one that is taken is not shared.

What another search has left where this one would write is refused too.
"""

import atexit
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from omegaconf import DictConfig, read_write
from optuna.samplers import RandomSampler

from hydra_plugins.hydra_search.claims import claim, release_if_unused
from hydra_plugins.hydra_search.errors import bad_input
from hydra_plugins.hydra_search.files import CHECKPOINTS_FOLDER, JOB_RECORD, RESULT, RESULTS
from hydra_plugins.hydra_search.jobs import check_subdirs, subdir_of
from hydra_plugins.hydra_search.secret_sources import recorded_yaml, secrets_of
from hydra_plugins.hydra_search.trials import CHECKPOINTS

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from ..space._tree import Space
    from ..storage._storage import StudyStorage

Compose = Callable[[Sequence[str], int], DictConfig]

NAME_OF_CHECKPOINTS = re.compile(r"\d+(-\d+)?")  # what `take_checkpoints` gives
DRAWS = 12  # jobs that are looked at where the trial's number does not tell them apart


def check_pattern(config: DictConfig, space: "Space", fixed: Sequence[str], compose: Compose) -> None:
    """Refuse a `hydra.sweep.subdir` that is the same for all trials. Those that may meet are kept apart as they come.

    Raises:
        BadInput: it is, or it can't be resolved.
    """
    first = [*space.branches()[0], *fixed]
    jobs = [compose(first, number) for number in (0, 1)]
    if len({subdir_of(job) for job in jobs}) == 1:
        optuna.logging.disable_default_handler()
        study = optuna.create_study(sampler=RandomSampler(seed=0))
        drawn = ([*space.suggest(study.ask()), *fixed] for _ in range(DRAWS))
        check_subdirs(config, [*jobs, *(compose(overrides, 0) for overrides in drawn)])


def take_directory(sweep_dir: str, job: DictConfig) -> str:
    """Make the directory of a job, and name it in the job's configuration: if it is taken, with the number behind.

    Returns:
        its path in the sweep directory.

    Raises:
        OSError: it can't be made.
    """
    number, subdir = job.hydra.job.id, subdir_of(job)
    if subdir == number:
        return subdir
    path = Path(sweep_dir, subdir)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir()
    except FileExistsError:
        subdir = f"{subdir}-{number}"
    with read_write(job.hydra):
        job.hydra.sweep.subdir = subdir
    return subdir


def take_checkpoints(sweep_dir: str, number: int) -> Path:
    """Make a directory for the checkpoints of a trial: one that was not there, whatever an earlier study has left.

    Its name is the trial's number, with another one behind it if that is taken; the trial is to keep it in CHECKPOINTS.

    Raises:
        OSError: it can't be made.
    """
    folder, name, taken = Path(sweep_dir, CHECKPOINTS_FOLDER), str(number), 1
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            (folder / name).mkdir()
            return folder / name
        except FileExistsError:
            taken += 1
            name = f"{number}-{taken}"


def checkpoints_of(trial: "FrozenTrial", sweep_dir: str) -> Path | None:
    """Return the directory for the checkpoints of a trial; None if it has none."""
    name = str(trial.user_attrs.get(CHECKPOINTS))
    return Path(sweep_dir, CHECKPOINTS_FOLDER, name) if NAME_OF_CHECKPOINTS.fullmatch(name) else None


def take_sweep_dir(sweep_dir: str, config: DictConfig) -> bool:
    """Take the directory of a search that shares it with no other; given back at the end if nothing came of it.

    Returns:
        whether it was free.
    """
    try:
        claimed = claim(Path(sweep_dir), recorded_yaml(config, secrets_of(config)))
    except FileExistsError:
        return False
    atexit.register(release_if_unused, claimed)
    return True


def refuse_leftovers(sweep_dir: str, study_name: str, storage: "StudyStorage", is_there: Callable[[], bool]) -> None:
    """Refuse to begin a study where another one's jobs lie.

    Args:
        sweep_dir: where the jobs would write.
        study_name: of the study that is to begin or to go on.
        storage: where it should be.
        is_there: tells whether it is; asked second, since another sweep may begin it this very moment.

    Raises:
        BadInput: the study is new, and the directory is not.
    """
    if _holds_jobs(Path(sweep_dir)) and not is_there():
        rule = f"holds the jobs of a search, but no study {study_name!r} is in {storage.shown}"
        remedy = "New trials would overwrite them: put the study back, set another study_name or hydra.sweep.dir, or "
        raise bad_input("hydra.sweep.dir", sweep_dir, rule, f"{remedy}move the directory away.")


def _holds_jobs(sweep_dir: Path) -> bool:
    if (sweep_dir / RESULTS).exists():
        return True
    marks = (RESULT, JOB_RECORD, ".hydra/overrides.yaml")
    return any((path / mark).exists() for path in sweep_dir.glob("*/") for mark in marks)
