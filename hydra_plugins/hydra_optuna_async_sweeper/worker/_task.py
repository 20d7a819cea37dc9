"""The user's function in the hands of Hydra, and what it gets to see of its trial."""

import logging
import os
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from optuna import Trial, TrialPruned

from hydra_plugins import hydra_trial
from hydra_plugins.hydra_search.errors import SearchError, TrialLost
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.results import Attempt, forget_result, mark_lost, objective_values, save_result
from hydra_plugins.hydra_search.signals import Terminated
from hydra_plugins.hydra_search.trials import CHECKPOINTS, CONFIRMS, RESERVED, reason_of

from .._upstream import trial_id
from ..search._constraints import Constraint
from ..search._directories import checkpoints_of, take_checkpoints
from ._output import output_in
from ._study import StudyOfTrial
from ._timeout import STATUS, JobTimedOut, time_limit

if TYPE_CHECKING:
    from hydra.types import TaskFunction
    from omegaconf import DictConfig

log = logging.getLogger(__name__)


class JobLeft(SearchError):
    """The job wanted to end the whole process; it ends with its trial."""

    def __init__(self, how: BaseException) -> None:
        super().__init__(f"{type(how).__name__}: {how}".removesuffix(": "))


@dataclass
class Task:
    """The user's function as Hydra runs it. What it returns is checked once, and outlives this process from here on.

    Callbacks hear of a job's end before the study does; so the study is asked first whether the trial still counts.
    """

    function: "TaskFunction"
    study: StudyOfTrial
    constraints: tuple[Constraint, ...] = ()
    timeout: float | None = None  # seconds
    may_end: bool = False  # the process, which is nothing but a worker
    keeps_output: bool = False  # in the trial's log, instead of the console
    log_file: Path | None = None  # where it is kept
    values: tuple[float, ...] = ()

    def __call__(self, config: "DictConfig") -> object:
        """Run the job.

        Raises:
            InvalidObjective: the result can't be compared: the job has failed.
            JobLeft: SystemExit, or what else is no Exception. Hydra would let it pass, and it would end the worker.
            JobTimedOut: it has taken too long.
            TrialLost: somebody else has closed the trial meanwhile.
        """
        here = Path.cwd()
        try:
            result = self._call(config)
            values = objective_values(result, len(self.study.directions))
            violation = self.study.constrain(self.constraints, output_dir())
            self.values = values
            self._keep(violation)
        except Exception:
            self._follow_study()
            raise
        finally:
            with suppress(FileNotFoundError):  # the job has taken its directory away
                os.chdir(here)
        self._follow_study()
        return result

    def _call(self, config: "DictConfig") -> object:
        try:
            kept = output_in(output_dir() / f"{job_name()}.log") if self.keeps_output else nullcontext()
            with kept as self.log_file, time_limit(self.timeout, self._end_process):
                return self.function(config)
        except (Exception, KeyboardInterrupt, Terminated):
            raise
        except BaseException as error:
            raise JobLeft(error) from error

    def _end_process(self) -> None:
        """Fail the trial whose job can't be interrupted, and end the process with it."""
        reason, directory, number = str(JobTimedOut(self.timeout or 0)), output_dir(), self.study.number
        if not self.may_end:
            log.warning(f"Trial {number}: {reason}, nor can it be interrupted; the sweep's own process waits for it.")
            return
        try:
            mark_lost(directory, reason, Attempt(Owner.me(), number), failed=True)
            self.study.fail(reason, self.log_file)
        finally:
            os._exit(STATUS)

    def _keep(self, violation: float) -> None:
        directory, number = output_dir(), self.study.number
        try:
            save_result(directory, self.values, Attempt(Owner.me(), number), violation)
        except OSError as error:  # a full disk, no directory: the study is told all the same
            log.warning(f"Trial {number}: its result can't be kept in {directory} ({error}); the study has it.")

    def _follow_study(self) -> None:
        try:
            now = self.study.storage.get_trial(self.study.trial_id)
        except Exception:  # of the storage; whoever closes the trial meets the same
            log.debug("The study can't be asked for the trial.", exc_info=True)
            return
        if not now.state.is_finished() or (self.values and now.values == list(self.values)):
            return  # in the other case by whoever has found the result
        reason = reason_of(now) or f"closed as {now.state.name}"
        forget_result(output_dir())
        mark_lost(output_dir(), reason, Attempt(Owner.me(), now.number))
        raise TrialLost(f"The study has closed trial {now.number} before its job has ended: {reason}")


def output_dir() -> Path:
    """Return the directory of the job that runs."""
    return Path(HydraConfig.get().runtime.output_dir)


def job_name() -> str:
    """Return the name by which Hydra knows the jobs of the application."""
    return str(HydraConfig.get().job.name)


class JobTrial:
    """The trial as a job sees it: what the search itself writes there is not the job's."""

    def __init__(self, trial: Trial, sweep_dir: str) -> None:
        self._trial = trial
        self._sweep_dir = sweep_dir

    @property
    def number(self) -> int:
        """The trial's number in its study."""
        return self._trial.number

    @property
    def confirms(self) -> int | None:
        """The number of the trial that this one confirms."""
        confirms = self._trial.user_attrs.get(CONFIRMS)
        return confirms["trial"] if confirms else None

    def set_user_attr(self, key: str, value: object) -> None:
        """Keep a JSON value with the trial.

        Raises:
            ValueError: the key is one of the search's own.
        """
        if key in RESERVED:
            raise ValueError(
                f"set_user_attr(key, value): key must be none of the search's own, got {key!r}. "
                f"Choose another name than {', '.join(sorted(RESERVED))}."
            )
        self._trial.set_user_attr(key, value)

    def checkpoint_dir(self) -> Path:
        """Return the directory for checkpoints, made if need be; the study knows whose it is before the job does.

        Raises:
            TrialLost: somebody else has closed the trial: its checkpoints are another one's now, or nobody's.
        """
        now = self._trial.storage.get_trial(trial_id(self._trial))
        if now.state.is_finished():
            raise TrialLost(f"The study has closed trial {now.number}: {reason_of(now) or now.state.name}")
        directory = checkpoints_of(now, self._sweep_dir)
        if directory is None:
            directory = take_checkpoints(self._sweep_dir, now.number)
            self._trial.set_user_attr(CHECKPOINTS, directory.name)
        directory.mkdir(parents=True, exist_ok=True)
        return directory


class Pruned(hydra_trial.TrialPruned, TrialPruned):
    """The pruner has seen enough; caught as Optuna's exception or as ours."""


@dataclass
class Reporter:
    """Hands intermediate values to the study, and ends the job when the pruner says so."""

    trial: Trial
    _steps: set[int] = field(default_factory=set)

    def __call__(self, value: float, step: int) -> None:
        """Keep one value; the first of a step counts. `nan` is the worst that a pruner can see.

        With several objectives there is nothing to prune by, and Optuna's own `report` takes nothing.
        """
        if len(self.trial.study.directions) == 1:
            self.trial.report(value, step)
            if self.trial.should_prune():
                raise Pruned(f"pruned at step {step} with {value:g}")
        elif step not in self._steps:
            self._steps.add(step)
            self.trial.storage.set_trial_intermediate_value(trial_id(self.trial), step, value)
