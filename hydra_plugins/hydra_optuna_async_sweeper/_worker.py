"""A worker: claims a trial, runs it, tells its result, and claims the next, until there is none."""

import gc
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, configure_log, run_job
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from optuna import Study, Trial, TrialPruned
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins import hydra_trial
from hydra_plugins.hydra_trial import RESULT_FILE, InvalidObjective, objective_values, save_result

from ._composition import Composer
from ._custom_space import load_custom_space
from ._database import masked
from ._devices import take_device
from ._domain import override_text
from ._liveness import SECONDS_BETWEEN_BEATS, Owner
from ._pruner import make_pruner
from ._queue import JOB_DIR, TrialQueue
from ._sampler import Samplers
from ._space_entries import parse_space
from ._stop import INTERRUPTED
from ._storage import open_storage
from ._termination import Terminated, terminable
from ._worker_preflight import check_worker, enter_folder

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig
    from optuna.storages import BaseStorage

    from ._search import Search
    from ._space import Space

log = logging.getLogger(__name__)


class Pruned(hydra_trial.TrialPruned, TrialPruned):
    """The pruner has seen enough; caught as Optuna's exception or as ours."""


class NoJob(Exception):
    """The trial's parameters can't be had."""


@dataclass
class Worker:
    """The task function that the launcher is given in place of the user's, which travels inside."""

    search: "Search"
    config: "DictConfig"
    hydra_context: "HydraContext"
    task_function: "TaskFunction"

    def __call__(self, _: "DictConfig") -> int:
        """Run trials until none is left, or this process alone is told to end. Returns how many.

        Raises:
            CantStart: this machine does not see what a worker needs.
        """
        enter_folder(self.config.hydra.runtime.cwd)
        check_worker(self.search, self.hydra_context.callbacks.callbacks)
        if self.search.devices is not None:
            take_device(self.search.devices, Path(self.search.sweep_dir))
        storage = open_storage(self.search.storage)
        runner = TrialRunner(self, storage)
        queue = TrialQueue(self.search, storage)
        count = 0
        self.restore_log()
        gc.freeze()  # what is loaded stays; collecting it at exit would take a tenth of a second
        with terminable(owns_process=self.search.sweeper != Owner.me()) as apart:
            try:
                while self.is_wanted() and (trial := queue.claim()):
                    runner.run(queue, trial)
                    queue.done(trial)
                    self.restore_log()
                    count += 1
            except Terminated as told:
                if not apart:  # the sweeper runs in this process too, and is to end
                    raise
                log.warning("This worker was told to end; its trial is put back.")
                told.hand_on()
        return count

    def is_wanted(self) -> bool:
        """Tell whether the sweep that started this worker is still there; on another machine, believe so."""
        sweeper = self.search.sweeper
        return not sweeper.is_here() or sweeper.is_alive()

    def restore_log(self) -> None:
        """Log as Hydra does between jobs, not into the file of the last one."""
        hydra = self.config.hydra
        configure_log(hydra.hydra_logging, hydra.verbose, execution_whitelist=self.hydra_context.execution_whitelist)


class TrialRunner:
    """Runs claimed trials as Hydra jobs."""

    def __init__(self, worker: Worker, storage: "BaseStorage") -> None:
        self.worker = worker
        self.search = worker.search
        self.storage = storage
        self.space: Space = parse_space(self.search.space)
        everywhere = {parameter.name: parameter.domain.distribution for parameter in self.space.parameters}
        self.samplers = Samplers(self.search.sampler, everywhere)
        self.pruner = make_pruner(self.search.pruner)
        self.composer = Composer(worker.hydra_context.config_loader, worker.config, self.search.bases)
        self.extend = load_custom_space(self.search.custom_search_space)

    def run(self, queue: TrialQueue, claimed: FrozenTrial) -> None:
        """Take one claimed trial to its end. Every way out closes it: told, failed, or put back."""
        closed = False
        try:
            with hydra_trial.every(SECONDS_BETWEEN_BEATS, lambda: self._beat(claimed), "trial-heartbeat"):
                trial = self._ask(claimed)
                try:
                    job = self._job(trial)
                except (NoJob, HydraException, OmegaConfBaseException) as error:
                    self._fail(trial, f"no job can be composed: {error}")
                else:
                    self._tell(trial, job)
            closed = True
        except UpdateFinishedTrialError:
            closed = True
            log.warning(f"Trial {claimed.number} was given up as lost and is run again elsewhere.")
        finally:
            if not closed:
                queue.put_back(claimed, INTERRUPTED)

    def _ask(self, claimed: FrozenTrial) -> Trial:
        sampler = self.samplers.of_trial(claimed.number)
        study = Study(self.search.study_name, self.storage, sampler, self.pruner)
        return Trial(study, claimed._trial_id)

    def _job(self, trial: Trial) -> JobReturn:
        lines = [*self.space.suggest(trial), *self.search.fixed]
        if self.extend is not None:
            known = set(trial.params)
            try:
                self.extend(self.worker.config, trial)
            except Exception as error:  # the user's code: this trial fails, as for an error in its job
                raise NoJob(f"custom_search_space: {type(error).__name__}: {error}") from error
            lines += [f"{name}={override_text(value)}" for name, value in trial.params.items() if name not in known]
        log.info(masked(f"\t#{trial.number} : {' '.join(lines)}"))
        job = self.composer.compose(lines, trial.number)
        self._prepare_directory(trial, str(job.hydra.sweep.subdir))
        with hydra_trial.running(trial), hydra_trial.listening(Reporter(trial)):
            return run_job(
                task_function=self._task,
                config=job,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
                hydra_context=self.worker.hydra_context,
            )

    def _prepare_directory(self, trial: Trial, subdir: str) -> None:
        """Note where the job writes, and take away what a search that was deleted from the study has left there."""
        if subdir != str(trial.number):
            self.storage.set_trial_user_attr(trial._trial_id, JOB_DIR, subdir)
        Path(self.search.sweep_dir, subdir, RESULT_FILE).unlink(missing_ok=True)

    def _task(self, config: "DictConfig") -> object:
        """Run the user's function; what it returns outlives this process from here on."""
        returned: object = self.worker.task_function(config)
        with suppress(InvalidObjective):  # told as such later
            values = objective_values(returned, len(self.search.directions))
            save_result(Path(HydraConfig.get().runtime.output_dir), values)
        return returned

    def _tell(self, trial: Trial, job: JobReturn) -> None:
        result = job._return_value  # `return_value` would raise it again
        if isinstance(result, TrialPruned):
            self._close(trial, state=TrialState.PRUNED)
            return
        try:
            if job.status is not JobStatus.COMPLETED:
                raise InvalidObjective(f"{type(result).__name__}: {result}")
            values = objective_values(result, len(self.search.directions))
        except InvalidObjective as error:
            self._fail(trial, str(error))
            return
        self._close(trial, list(values))

    def _close(self, trial: Trial, values: list[float] | None = None, state: TrialState | None = None) -> None:
        try:
            trial.study.tell(trial, values, state)
        except ValueError as error:  # the values are good, so it is no longer running
            raise UpdateFinishedTrialError(str(error)) from error

    def _fail(self, trial: Trial, reason: str) -> None:
        log.error(f"Trial {trial.number} failed: {reason}")
        self.storage.set_trial_user_attr(trial._trial_id, "error", reason[:2000])
        self.storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)

    def _beat(self, trial: FrozenTrial) -> None:
        with suppress(UpdateFinishedTrialError):  # it ends, or was given up as lost, this very moment
            self.storage.set_trial_user_attr(trial._trial_id, "beat", time.time())


@dataclass
class Reporter:
    """Hands intermediate values to the study, and ends the job when the pruner says so."""

    trial: Trial

    def __call__(self, value: float, step: int) -> None:
        """Report one value. With several objectives there is nothing to prune by."""
        if len(self.trial.study.directions) > 1:
            return
        self.trial.report(value, step)
        if self.trial.should_prune():
            raise Pruned(f"pruned at step {step} with {value:g}")
