"""One claimed trial: its parameters suggested, its job composed and run by Hydra, its end written into the study."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from optuna import Trial, TrialPruned
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins import hydra_trial
from hydra_plugins.hydra_search.errors import BadInput, DatabaseGone, InvalidObjective, NotFinite, TrialLost, one_line
from hydra_plugins.hydra_search.grammar import override_text
from hydra_plugins.hydra_search.owner import Owner, every
from hydra_plugins.hydra_search.results import Attempt, forget_result, note_violation
from hydra_plugins.hydra_search.secret_sources import secrets_of
from hydra_plugins.hydra_search.trials import (
    CONFIRMS,
    INTERRUPTED,
    JOB_DIR,
    directory_of,
    is_confirmation,
    violation_of,
)

from .._targets import load_custom_space
from .._upstream import returned, trial_id
from ..search._confirm import with_override
from ..search._directories import take_directory
from ..search._progress import brief, values_text
from ._draw import Drawn, Points, draw, wait_for
from ._job import run_job
from ._job_config import Composer
from ._output import is_kept
from ._pulse import SECONDS_BETWEEN_LOOKS, Pulse, is_apart
from ._reporter import Reporter
from ._sampler import Samplers, everywhere, make_pruner
from ._study import Searched, StudyOfTrial
from ._task import JobLeft, JobTrial, Task
from ._timeout import JobTimedOut

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from ..search._queue import TrialQueue
    from ..search._spec import Search

log = logging.getLogger(__name__)


class NoJob(Exception):
    """The trial's parameters can't be had."""


@dataclass
class TrialRunner:
    """Runs claimed trials as Hydra jobs."""

    search: "Search"
    config: "DictConfig"  # of the sweep
    hydra_context: "HydraContext"
    task_function: "TaskFunction"  # the user's
    queue: "TrialQueue"

    def __post_init__(self) -> None:
        self.samplers = Samplers(self.search.sampler, everywhere(self.search.space), self.search.study_name)
        self.points, self.searched = Points(), Searched()
        self.pruner = make_pruner(self.search.pruner)
        self.composer = Composer(self.hydra_context.config_loader, self.config, self.search.composed)
        self.secrets = secrets_of(self.config)
        self.extend = load_custom_space(self.search.custom_search_space)

    def run(self, claimed: FrozenTrial) -> str:
        """Take one claimed trial to its end. Every way out closes it: complete, pruned, failed, or requeued.

        Returns:
            the line that says how it ended; empty where one has said it.
        """
        closed, end = False, ""
        try:
            with every(SECONDS_BETWEEN_LOOKS, Pulse(self.queue, claimed), "trial-heartbeat"):
                end = self._run(claimed)
            closed = True
        except UpdateFinishedTrialError:
            closed = True
            log.warning(f"Trial {claimed.number} was given up as lost and is run again elsewhere.")
        finally:
            if not closed:
                self.queue.requeue(claimed, INTERRUPTED)
        return f"Trial {claimed.number} {end}" if end else ""

    def _run(self, claimed: FrozenTrial) -> str:
        pruner = NopPruner() if is_confirmation(claimed) else self.pruner
        study = StudyOfTrial(
            self.search, self.queue.storage, RandomSampler(), pruner, claimed, self.secrets, self.searched
        )
        limit, apart = self.search.trial_timeout, is_apart(self.search)
        kept = is_kept(self.search.job_output, self.search.n_jobs, apart)
        task = Task(self.task_function, study, self.search.constraints, limit, apart, kept)
        try:
            drawn = self.draw(study, claimed)
            known = wait_for(study, drawn, self.points)
            with self.search.storage.together(self.queue.storage):
                drawn.held.release()
            if known is not None:
                study.repeat(known)
                return f"repeats trial {known.number}: {values_text(self.search.metrics, known.values or ())}"
            job = self._job(drawn, task)
        except (UpdateFinishedTrialError, DatabaseGone):
            raise
        except Exception as error:  # of the sampler, of a point, of the configuration: another worker would meet it too
            study.fail(_reason_without_job(error))
            return ""
        if job.status is JobStatus.COMPLETED:
            state = study.close(TrialState.COMPLETE, list(task.values))
            self._note_violation(claimed)
            finished = f"finished: {values_text(self.search.metrics, task.values)}"
            return finished if state is TrialState.COMPLETE else ""
        result = returned(job)
        if isinstance(result, TrialLost):
            raise UpdateFinishedTrialError(str(result))
        if isinstance(result, (TrialPruned, hydra_trial.TrialPruned)):
            return "was pruned" if study.close(TrialState.PRUNED) is TrialState.PRUNED else ""
        named = "" if isinstance(result, (InvalidObjective, JobLeft, JobTimedOut)) else f"{type(result).__name__}: "
        study.fail(f"{named}{result}", task.log_file, undefined=isinstance(result, NotFinite))
        return ""

    def _note_violation(self, claimed: FrozenTrial) -> None:
        """Tell those who see only the job's directory whether the trial keeps its constraints."""
        trial = self.queue.storage.get_trial(trial_id(claimed))
        with suppress(OSError):  # a full disk, or no directory: the study knows
            directory = directory_of(trial, self.search.sweep_dir)
            note_violation(directory, violation_of(trial), Attempt(Owner.me(), trial.number))

    def _job(self, drawn: Drawn, task: Task) -> JobReturn:
        trial, fixed = drawn.trial, set(self.search.fixed)
        chosen = [self.secrets.override(line) for line in drawn.overrides if line not in fixed]
        log.info(f"\t#{trial.number} : {' '.join(map(brief, chosen))}")
        job = self.composer.compose_job(drawn.overrides, trial.number)
        try:
            subdir = take_directory(self.search.sweep_dir, job.config)
        except (OSError, BadInput) as error:
            raise NoJob(error) from error
        if subdir != str(trial.number):
            trial.set_user_attr(JOB_DIR, subdir)
        forget_result(Path(self.search.sweep_dir, subdir))  # of a search that is not in this study any more
        with hydra_trial.running(JobTrial(trial, self.search.sweep_dir)), hydra_trial.listening(Reporter(trial)):
            return run_job(task, job, self.hydra_context, subdir)

    def draw(self, study: StudyOfTrial, claimed: FrozenTrial) -> Drawn:
        """Draw the parameters of a claimed trial. Raises NoJob if there are none for it."""
        try:
            sampler_of = _no_sampler if is_confirmation(claimed) else self.samplers.of_trial
            return draw(study, claimed, sampler_of, self._suggest, self.search.duplicates, self.points)
        except (UpdateFinishedTrialError, DatabaseGone, NoJob):
            raise
        except Exception as error:  # the sampler's code, or a value that the space does not have
            raise NoJob(f"no parameters for it. {type(error).__name__}: {one_line(error)}") from error

    def _suggest(self, trial: Trial) -> list[str]:
        lines = [*self.search.space.suggest(trial), *self.search.fixed, *self._custom_overrides(trial)]
        confirms = trial.user_attrs.get(CONFIRMS)
        return with_override(lines, confirms["override"]) if confirms else lines

    def _custom_overrides(self, trial: Trial) -> list[str]:
        """Return an override for each parameter that the user's `custom_search_space` suggests."""
        if self.extend is None:
            return []
        known = set(trial.params)
        try:
            self.extend(self.config, trial)
        except Exception as error:  # the user's code: this trial fails, as for an error in its job
            raise NoJob(f"custom_search_space: {type(error).__name__}: {error}") from error
        return [f"{name}={override_text(value)}" for name, value in trial.params.items() if name not in known]


def _no_sampler(number: int, attempt: int = 0) -> RandomSampler:
    """Return what has nothing to draw: all parameters of a trial that confirms another one are given."""
    return RandomSampler()


def _reason_without_job(error: Exception) -> str:
    known = isinstance(error, (NoJob, HydraException, OmegaConfBaseException))
    return f"no job can be composed: {error if known else f'{type(error).__name__}: {error}'}"
