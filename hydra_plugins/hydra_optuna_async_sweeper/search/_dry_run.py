"""What a search would do, said without doing it: `dry_run=5` prints its first trials as commands. Nothing is made."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage, InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search.errors import BadInput, one_line
from hydra_plugins.hydra_search.owner import Watch
from hydra_plugins.hydra_search.results import load_result
from hydra_plugins.hydra_search.secret_sources import secrets_of
from hydra_plugins.hydra_search.trials import FIXED, LOST, RETRY_OF, WARM_START_OF, directory_of, over
from hydra_plugins.hydra_search_report.report import command_of

from .._upstream import trial_id
from ..space._grid import Grid
from ..storage._storage import StudyStorage
from ..worker._sampler import is_grid
from ..worker._study import StudyOfTrial
from ..worker._trial import TrialRunner
from ._makers import maker_text
from ._queue import TrialQueue, attempt_of
from ._results import facts_of

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from ._spec import Search

# They draw what they draw, whatever the trials before have returned.
LEARN_NOTHING = ("RandomSampler", "QMCSampler", "BruteForceSampler", "GridSampler")


@dataclass(frozen=True)
class InMemory(StudyStorage):
    """A copy of a study for this process alone."""

    storage: BaseStorage

    def open(self) -> BaseStorage:
        """Return it."""
        return self.storage

    @property
    def shown(self) -> str:
        """Say that it is nowhere."""
        return "memory"

    def queue_lock(self, path: Path, storage: BaseStorage) -> AbstractContextManager[object]:
        """Return no lock: nobody else is there."""
        return nullcontext()


def say_plan(
    search: "Search", config: "DictConfig", hydra_context: "HydraContext", task_function: "TaskFunction"
) -> None:
    """Print where the results of a search would go, how large its space is, and the commands of its next trials."""
    optuna.logging.disable_default_handler()
    study = copy_of(search)
    trials = study.get_all_trials(0)
    lines = [*_facts(search, config, trials), ""]
    runner = runner_of(search, study, config, hydra_context, task_function)
    facts, count, drawn = facts_of(search, config), 0, False
    for claimed, overrides in first_trials(runner, search.dry_run or 0):
        drawn, count = drawn or FIXED not in claimed.system_attrs, count + 1
        lines += [f"# Trial {claimed.number}, {_origin_of(claimed, search)}", command_of(facts, overrides)]
    if count < (search.dry_run or 0):
        lines.append(f"# No more: {count} trials are left to run.")
    sampler = maker_text(search.sampler).partition("(")[0]
    if drawn and sampler not in LEARN_NOTHING:
        lines.append(f"# {sampler} goes by the results of trials once it has enough of them: then it draws otherwise.")
    sys.stdout.write("\n".join(lines) + "\n")


def _facts(search: "Search", config: "DictConfig", trials: list[FrozenTrial]) -> Iterator[str]:
    launcher = config.hydra.runtime.choices.get("hydra/launcher")
    known = f"goes on with {len(over(trials, search.max_retries))} trials that are over" if trials else "new"
    yield f"Dry run of the search {search.study_name}: nothing is made."
    yield f"Trials: {search.n_trials}, by {search.n_jobs} workers of hydra/launcher={launcher}"
    yield f"Search space: {size_text(search)}"
    yield f"Sweep directory: {search.sweep_dir}"
    yield f"Study: {search.storage.shown} ({known})"


def _origin_of(trial: FrozenTrial, search: "Search") -> str:
    if RETRY_OF in trial.user_attrs:
        return f"again for trial {trial.user_attrs[RETRY_OF]}"
    if FIXED not in trial.system_attrs:
        return "drawn"
    is_point = is_grid(search.sampler) and trial.system_attrs[FIXED] not in search.enqueued
    return "of the grid" if is_point else str(trial.user_attrs.get(WARM_START_OF, "enqueued"))


def size_text(search: "Search") -> str:
    """Write how many points the space has."""
    if search.custom_search_space:
        return f"unknown, as {search.custom_search_space} adds to it in each trial"
    try:
        return f"{Grid.of(search.space).size} points"
    except BadInput:
        return "continuous"


def copy_of(search: "Search") -> InMemoryStorage:
    """Return the study as it is, a new one if it is not there; what runs and has nobody who runs it has ended."""
    memory = InMemoryStorage()
    memory.create_new_study([StudyDirection[each.upper()] for each in search.directions], search.study_name)
    with search.storage.look() as opened:
        names = {study.study_name: study for study in opened.get_all_studies()} if opened else {}
        if opened and search.study_name in names:
            known = opened.get_study_id_from_name(search.study_name)
            for key, value in opened.get_study_system_attrs(known).items():
                memory.set_study_system_attr(0, key, value)
            for trial in opened.get_all_trials(known):
                memory.create_new_trial(0, template_trial=trial)
    running = {trial_id(t): t for t in memory.get_all_trials(0, states=(TrialState.RUNNING,))}
    gone = Watch().gone({key: trial.user_attrs for key, trial in running.items()})
    for number, trial in running.items():
        if number not in gone:
            continue
        attempt = attempt_of(trial)
        values = load_result(directory_of(trial, search.sweep_dir), attempt) if attempt else None
        if values is None:
            memory.set_trial_user_attr(number, LOST, "worker lost")
        memory.set_trial_state_values(number, TrialState.FAIL if values is None else TrialState.COMPLETE, values)
    return memory


def runner_of(
    search: "Search",
    study: BaseStorage,
    config: "DictConfig",
    hydra_context: "HydraContext",
    task_function: "TaskFunction",
) -> TrialRunner:
    """Return the only worker of the search over this study, one that no result ends."""
    alone = replace(
        search, storage=InMemory(study), n_jobs=1, target=None, max_stagnation_trials=None, confirmation=None
    )
    queue = TrialQueue(alone, study)
    queue.fill()  # as a sweep does before there is a worker
    return TrialRunner(alone, config, hydra_context, task_function, queue)


def first_trials(runner: TrialRunner, count: int) -> Iterator[tuple[FrozenTrial, list[str]]]:
    """Yield the next trials that need a job with its overrides: claimed and drawn as by a worker. All return 0."""
    search, queue = runner.search, runner.queue
    while count > 0 and (claimed := queue.claim()):
        study = StudyOfTrial(search, queue.storage, RandomSampler(), NopPruner(), claimed, secrets_of(runner.config))
        try:
            drawn = runner.draw(study, claimed)
        except Exception as error:  # what the trial would fail with
            raise BadInput(f"hydra.sweeper.dry_run: trial {claimed.number} would fail: {one_line(error)}") from error
        drawn.held.release()
        if drawn.known is not None:
            study.repeat(queue.storage.get_trial(trial_id(drawn.known)))
            continue
        study.close(TrialState.COMPLETE, [0.0] * len(search.directions))
        yield claimed, drawn.overrides
        count -= 1
