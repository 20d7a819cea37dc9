"""The sweep: open or resume the study, launch workers until nothing is left to do, and say what was found."""

import logging
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import optuna
from hydra.core.plugins import Plugins
from optuna.trial import TrialState

from hydra_plugins.hydra_search.errors import CantStart
from hydra_plugins.hydra_search.files import MULTIRUN, write_aside
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.secret_sources import recorded_yaml, secrets_of
from hydra_plugins.hydra_search.secrets import say_masked
from hydra_plugins.hydra_search.signals import terminable
from hydra_plugins.hydra_search.trials import ERROR, directory_of, over, reason_of
from hydra_plugins.hydra_search.waiting import said_if_slow

from ..worker._job_config import item_context
from ..worker._sampler import Samplers, is_grid
from ..worker._worker import Worker
from ._directories import refuse_leftovers
from ._makers import maker_text
from ._monitor import GRACE, FirstWorker, LauncherGuard, Monitor
from ._process import WorkerTimedOut
from ._processes import Processes, settings_of
from ._progress import Progress
from ._queue import TrialQueue
from ._results import report_of, resume_command, write_results
from ._resume import go_on, open_study
from ._stop import ALIKE, DUPLICATES, FAILURES, REPEATS_IN_A_ROW, stop_reason
from ._tally import Tally, failures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from ._spec import Search

log = logging.getLogger(__name__)

# Workers that die at once, again and again, die of something that another launch won't cure.
FRUITLESS_LAUNCHES = 5
SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_FOR_WORKERS_TO_END = 5.0


@dataclass
class Sweep:
    """One call of `--multirun`."""

    search: "Search"
    worker: Worker
    queue: TrialQueue

    def __post_init__(self) -> None:
        self.processes = Processes(self.worker)

    @classmethod
    def open(
        cls, search: "Search", config: "DictConfig", hydra_context: "HydraContext", task_function: "TaskFunction"
    ) -> "Sweep":
        """Open or resume the study.

        Raises:
            BadInput: it may not go on like this, see `go_on`.
        """
        sweep_dir = Path(search.sweep_dir)
        sweep_dir.mkdir(parents=True, exist_ok=True)
        secrets = secrets_of(config)
        if not (sweep_dir / MULTIRUN).exists():
            write_aside(sweep_dir / MULTIRUN, recorded_yaml(config, secrets))
        with said_if_slow(f"Opening the study at {search.storage.shown}"), search.storage.opened_to_stay() as storage:
            optuna.logging.disable_default_handler()
            name, place = search.study_name, search.sweep_dir
            refuse_leftovers(place, name, search.storage, lambda: name in optuna.get_all_study_names(storage))
            study = open_study(search, storage)
            go_on(study, search, config)
        say_masked(secrets.keys)
        log.info(f"Study name: {study.study_name}")
        log.info(f"Storage: {search.storage.shown}")
        samplers = Samplers(search.sampler, {})
        name = "GridSampler" if is_grid(search.sampler) else type(samplers.of_trial(0)).__name__
        kept = ", one for each worker, as it may keep a state" if samplers.has_state else ""
        log.info(f"Sampler: {name}({maker_text(search.sampler).partition('(')[2]}{kept}")
        log.info(f"Directions: {list(search.directions)}")
        return cls(search, Worker(search, config, hydra_context, task_function), TrialQueue(search, storage))

    def run(self) -> None:
        """Run the search to its end; say what was found, and exit with the status that it deserves."""
        over_before = len(over(self.queue.trials(), self.search.max_retries))
        if over_before:
            log.info(f"Resuming with {over_before} finished trials of {self.search.n_trials}")
        report = report_of(self.search, self.worker.config)
        guard, first = LauncherGuard(self.search), FirstWorker(self.worker.config)
        try:
            with (
                terminable(),
                closing(Progress(self.search, over_before)) as progress,
                Monitor(self.queue, progress.look, lambda tally: report.look(tally.trials), guard.look, first.look),
            ):
                self._launch_workers(guard)
                self.processes.end(GRACE)
        except (KeyboardInterrupt, SystemExit) as left:
            self._end_workers()
            argv = secrets_of(self.worker.config).command(sys.argv)
            command = resume_command(argv, self.search, has_study_name="study_name" in self.worker.config)
            how = "stopped" if isinstance(getattr(left, "code", None), str) else "interrupted"
            log.warning(f"{how.capitalize()}. To go on: {command}")
            report.finish(self.queue.trials(), how)
            raise
        finally:
            self.processes.end(0)
        trials = self.queue.trials()
        reason = stop_reason(Tally(self.search, trials))
        found = write_results(self.search, trials)
        written = report.finish(trials, f"ended by {reason}")
        if reason in (FAILURES, ALIKE):
            self._fail_for_failures(reason)
        if not found:
            raise SystemExit("No trial finished, so there is no best one.")
        known = f" (the last {REPEATS_IN_A_ROW} draws were all known: the space has hardly anything new)"
        log.info(f"Ended by: {reason}{known if reason == DUPLICATES else ''}")
        if not written:
            raise SystemExit(1)  # in words, the report has said it

    def _launch_workers(self, guard: LauncherGuard) -> None:
        """Launch workers, again for those that were lost, until the search is over."""
        fruitless, before = 0, -1
        while waiting := self._wait_for_work():
            done = sum(trial.state.is_finished() for trial in self.queue.trials())
            fruitless = fruitless + 1 if done == before else 0
            before = done
            # What keeps others from starting need not keep those from working that have.
            in_vain = fruitless >= FRUITLESS_LAUNCHES and self.processes.n_running()
            error = self._launch(guard, 0 if in_vain else waiting)
            self.queue.requeue_stale()
            if error and fruitless >= FRUITLESS_LAUNCHES and not self.processes.n_running():
                raise self._ended_at_start(error)
            if isinstance(error, WorkerTimedOut):
                log.warning("A worker was ended with a job that could not be interrupted; another takes its place.")
            elif error:
                reason = str(error).partition("\n")[0] or type(error).__name__
                log.warning(f"A worker was lost ({reason}); its trial is requeued.")

    def _wait_for_work(self) -> int:
        """Fill the queue, while need be wait for other sweeps' workers.

        Returns:
            how many trials are waiting; none when the search is over.
        """
        while True:
            running = self.queue.running()
            goes_on = stop_reason(Tally(self.search, self.queue.trials())) is None
            if (waiting := self.queue.fill()) > 0:
                return waiting
            # What was asked for is there: what other sweeps on the study still run is theirs.
            if not running or (not goes_on and not Tally(self.search, running).last_of_workers()):
                return 0
            self.queue.requeue_stale()
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _launch(self, guard: LauncherGuard, waiting: int) -> Exception | None:
        """Launch workers, on this machine no more than trials wait, and wait for them.

        Returns:
            what the launcher raised, if it did; our own processes may go on beside one that died.
        """
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=item_context(self.worker.hydra_context), task_function=self.worker, config=self.worker.config
        )
        # What the launcher says about its items would be taken for the trials.
        logging.getLogger(type(launcher).__module__.rpartition(".")[0]).setLevel(logging.WARNING)
        settings = settings_of(launcher)
        missing = max(1, self.search.n_jobs - len(self._busy_workers()))  # some may go on beside one that died
        returns: Sequence[JobReturn] = []
        try:
            with guard.launching(Tally(self.search, self.queue.trials()), missing if settings is None else None):
                if settings is None:
                    returns = launcher.launch([[] for _ in range(missing)], initial_job_idx=0)
                else:
                    returns = self.processes.launch(waiting, settings)
        except Exception as error:  # each launcher has its own for a dead worker
            return error
        try:
            for worker in returns:
                _ = worker.return_value  # raises what ended a worker
        except CantStart as error:
            if self._wait_for_work():
                raise SystemExit(str(error)) from None
            log.warning(str(error))  # others could
        if returns:
            self.queue.requeue_left()
        return None

    def _ended_at_start(self, error: Exception) -> SystemExit:
        launcher = self.worker.config.hydra.runtime.choices.get("hydra/launcher")
        reason = str(error).strip().rpartition("\n")[2]
        return SystemExit(
            f"hydra/launcher={launcher}: the workers end again and again before they have finished a trial "
            f"({type(error).__name__}: {reason}). See that code, packages and configuration are there for them too, "
            "and enough memory."
        )

    def _busy_workers(self) -> set[Owner]:
        """Return the workers of this sweep that run a trial now."""
        workers = Tally(self.search, self.queue.running()).last_of_workers()
        return {worker for worker in workers if not worker.is_here() or worker.is_alive()}

    def _end_workers(self) -> None:
        """End this sweep's workers, those that did not hear the signal too, and requeue what they were running."""
        asked: set[Owner] = set()
        deadline = time.monotonic() + SECONDS_FOR_WORKERS_TO_END
        while time.monotonic() < deadline:
            stale = self.queue.requeue_stale()
            left = self._busy_workers()
            if not stale and not left:
                return
            for worker in left - asked:  # once: they are requeueing their trials
                worker.terminate()
            asked |= left
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _fail_for_failures(self, limit_name: str) -> NoReturn:
        trials, limit = self.queue.trials(TrialState.FAIL), self.search.max_retries
        failed = failures(trials, limit, undefined=limit_name == ALIKE)
        last = failed[-1]
        reason = reason_of(last) if ERROR in last.user_attrs else f"{reason_of(last)}, and retried {limit} times"
        if limit_name == ALIKE:
            raise SystemExit(
                f"The first {len(failed)} trials have all failed for one reason: {reason}\n"
                f"The log of trial {last.number}: {directory_of(last, self.search.sweep_dir)}\n"
                "To go on in any case: hydra.sweeper.max_initial_failures=null"
            )
        raise SystemExit(
            f"{len(failed)} trials failed, more than max_failure_rate={self.search.max_failure_rate} of "
            f"n_trials={self.search.n_trials} allows. The last one, trial {last.number}: {reason}\n"
            f"Its log: {directory_of(last, self.search.sweep_dir)}"
        )
