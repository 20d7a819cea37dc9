"""What a search leaves on the disk: checkpoints, and what jobs leave beside their records, of the best trials only.

`hydra.sweeper.keep_checkpoints` and `keep_artifacts`. It is done while the search runs, so that the disk holds a search
of thousands, and once more at its end. Whoever is killed on the way, or does it beside another sweep, does no harm.
"""

import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.errors import one_line
from hydra_plugins.hydra_search.files import CHECKPOINTS_FOLDER, DATASET, METRICS, OF_JOB, RESULT
from hydra_plugins.hydra_search.owner import owner_of
from hydra_plugins.hydra_search.results import load_result
from hydra_plugins.hydra_search.trials import (
    CHECKPOINTS,
    JOB_DIR,
    REPEATS,
    Outcome,
    best_of_search,
    best_trials,
    directory_of,
    outcome_of,
)
from hydra_plugins.hydra_search.waiting import say_once

from ._confirming import candidates
from ._directories import checkpoints_of
from ._queue import attempt_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from ._spec import Search
    from ._tally import Tally

# To find out what is not to be kept, of thousands of trials, may take this share of the time.
SHARE = 0.05
GOES_ON = (Outcome.LOST, Outcome.RUNNING, Outcome.WAITING)


class Disk:
    """Removes what is not to be kept of the trials that have ended."""

    def __init__(self, search: "Search") -> None:
        self._search = search
        self._seen = (0, 0)
        self._not_before = 0.0
        self._cleared: set[tuple[str, int]] = set()  # of which trials what was removed

    def look(self, tally: "Tally") -> None:
        """Remove what can't be among the best any more, if a trial has ended since the last look."""
        now = (len(tally.ended), tally.confirmed)
        if now != self._seen and time.monotonic() > self._not_before:
            self._seen = now
            self._clear(tally.trials, is_over=False)

    def finish(self, trials: "Sequence[FrozenTrial]") -> None:
        """Do so at the end of the search, when it is known which are the best."""
        self._clear(trials, is_over=True)

    def _clear(self, trials: "Sequence[FrozenTrial]", *, is_over: bool) -> None:
        search, start = self._search, time.monotonic()
        checkpoints: list[FrozenTrial] = []
        jobs: list[FrozenTrial] = []
        if search.keep_checkpoints is not None:
            kept = numbers_kept(trials, search, search.keep_checkpoints, is_over=is_over)
            checkpoints = self._new(CHECKPOINTS, checkpoints_left(trials, search.max_retries, kept))
        if search.keep_artifacts is not None:
            kept = numbers_kept(trials, search, search.keep_artifacts, is_over=is_over)
            jobs = self._new(JOB_DIR, jobs_left(trials, kept))
        self._not_before = time.monotonic() + (time.monotonic() - start) / SHARE
        for trial in checkpoints:
            if path := checkpoints_of(trial, search.sweep_dir):
                self._remove(CHECKPOINTS, trial, partial(remove, path))
        occupied = occupied_by(trials, search.sweep_dir) if jobs else ()
        for trial in jobs:
            self._remove(JOB_DIR, trial, partial(remove_artifacts, trial, search.sweep_dir, occupied))

    def _new(self, what: str, trials: "Iterator[FrozenTrial]") -> "list[FrozenTrial]":
        return [trial for trial in trials if (what, trial.number) not in self._cleared]

    def _remove(self, what: str, trial: "FrozenTrial", removal: Callable[[], None]) -> None:
        try:
            removal()
            self._cleared.add((what, trial.number))
        except OSError as error:  # no permission, a disk that is away: the search goes on
            say_once(f"What is not to be kept can't be removed: {one_line(error)}")


def numbers_kept(trials: "Sequence[FrozenTrial]", search: "Search", number: int, *, is_over: bool) -> set[int]:
    """Return which trials are kept: so many of the best; of several objectives, so many of the Pareto front.

    While the search goes on, all that may still be among them: those that will be confirmed, whose means decide then,
    and the whole front, the first of which another trial may beat.
    """
    if not number:
        return set()
    own = [trial for trial in trials if owner_of(trial)]  # another program's have nothing here
    best = best_trials(own, search.directions)
    if is_over:
        return {trial.number for trial in best[:number]}
    if len(search.directions) == 1:
        best = best[:number] + best_of_search(own, search.directions)[:number]
        best += candidates(own, search.directions, search.confirmation.top) if search.confirmation else []
    return {trial.number for trial in best}


def checkpoints_left(
    trials: "Sequence[FrozenTrial]", max_retries: int, kept: Collection[int]
) -> "Iterator[FrozenTrial]":
    """Yield trials with checkpoints that nobody goes on from, nor keeps. Of those who share them, the last counts."""
    last = {str(trial.user_attrs[CHECKPOINTS]): trial for trial in trials if CHECKPOINTS in trial.user_attrs}
    for trial in last.values():
        if trial.number not in kept and outcome_of(trial, max_retries) not in GOES_ON:
            yield trial


def jobs_left(trials: "Sequence[FrozenTrial]", kept: Collection[int]) -> "Iterator[FrozenTrial]":
    """Yield the trials whose jobs have ended, the lost ones too, and are not among the kept."""
    for trial in trials:
        has_run = trial.state.is_finished() and REPEATS not in trial.user_attrs
        if has_run and trial.number not in kept and owner_of(trial):
            yield trial


def is_below(path: Path, sweep_dir: Path) -> bool:
    """Tell whether a job's directory is one in the sweep's, not reached by a link, nor by what the sweep has itself."""
    inside = Path(os.path.relpath(path, sweep_dir))
    is_own = inside.parts[:1] in ((), (os.pardir,), (CHECKPOINTS_FOLDER,))
    return path.is_dir() and not is_own and path.resolve() == sweep_dir.resolve() / inside


def occupied_by(trials: "Sequence[FrozenTrial]", sweep_dir: str) -> set[Path]:
    """Return the directories of all jobs, and those in which they lie: a pattern may put one job's into another's."""
    own = [Path(sweep_dir, directory_of(trial)) for trial in trials]
    return {path for directory in own for path in (directory, *directory.parents)}


def remove_artifacts(trial: "FrozenTrial", sweep_dir: str, occupied: Collection[Path]) -> None:
    """Remove from a job's directory what is no record: records are its configuration, metrics, logs, and our own files.

    Args:
        trial: the job's.
        sweep_dir: in which the directory must lie.
        occupied: what is left, as it holds the directories of other jobs.

    Raises:
        OSError: something can't be removed.
    """
    directory, attempt = directory_of(trial, sweep_dir), attempt_of(trial)
    is_foreign = attempt is None or ((directory / RESULT).exists() and load_result(directory, attempt) is None)
    if is_foreign or not is_below(directory, Path(sweep_dir)):
        return
    for path in directory.iterdir():
        is_record = path.name.startswith(OF_JOB) or path.name in (METRICS, DATASET) or path.suffix == ".log"
        if not is_record and path not in occupied and not (path / "overrides.yaml").is_file():
            _delete(path)


def remove(directory: Path) -> None:
    """Remove a directory with all in it: renamed first, so that nobody ever goes on from half of it.

    Raises:
        OSError: it can't be removed.
    """
    aside = directory.with_name(f".{directory.name}.removed")
    _delete(aside)  # of somebody who was killed on the way
    with suppress(FileNotFoundError):  # another sweep is faster
        _delete(directory.rename(aside))


def _delete(path: Path) -> None:
    """Delete a file, a directory, or a link, but never what a link leads to. Another process may be faster."""
    if path.is_dir() and not path.is_symlink():
        with suppress(FileNotFoundError):
            shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
