"""The workers of a sweep: launched until nothing is left to do, also in place of lost ones, and ended at the end."""

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra.core.plugins import Plugins

from hydra_plugins.hydra_search.errors import CantStart, raised_in
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.signals import Cancelled
from hydra_plugins.hydra_search.wishes import CANCEL, PAUSE, STATE

from ..worker._job_config import item_context
from ._monitor import LauncherGuard
from ._process import WorkerTimedOut
from ._processes import Processes, let_sweeper_decide, settings_of
from ._stop import stop_reason
from ._tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.core.utils import JobReturn

    from ..worker._worker import Worker
    from ._queue import TrialQueue
    from ._spec import Search

log = logging.getLogger(__name__)

# Workers that die at once, again and again, die of something that another launch won't cure.
FRUITLESS_LAUNCHES = 5
SECONDS_BETWEEN_LOOKS = 0.2
SECONDS_FOR_WORKERS_TO_END = 5.0
SECONDS_FOR_WORKERS_TO_HEAR = 20.0  # of a cancelled search, elsewhere: they ask for that now and then


@dataclass
class Workers:
    """The workers that one sweep starts, whatever launcher starts them."""

    worker: "Worker"
    queue: "TrialQueue"

    def __post_init__(self) -> None:
        self.processes = Processes(self.worker)

    @property
    def search(self) -> "Search":
        """The search as it is wanted now."""
        return self.queue.search

    def run(self, guard: LauncherGuard) -> None:
        """Launch workers, again for those that were lost, until the search is over.

        Raises:
            Cancelled: somebody has cancelled it.
        """
        fruitless, before = 0, (-1, self.search.wishes)
        while to_do := self.wait_for_work():
            now = sum(trial.state.is_finished() for trial in self.queue.trials()), self.search.wishes
            fruitless = fruitless + 1 if now == before else 0
            before = now
            # What keeps others from starting need not keep those from working that have.
            in_vain = fruitless >= FRUITLESS_LAUNCHES and self.processes.n_running()
            error = self._launch(guard, 0 if in_vain else to_do)
            self.queue.requeue_stale()
            if error and fruitless >= FRUITLESS_LAUNCHES and not self.processes.n_running():
                raise self._ended_at_start(error)
            if isinstance(error, WorkerTimedOut):
                log.warning("A worker was ended with a job that could not be interrupted; another takes its place.")
            elif error:
                reason = str(error).partition("\n")[0] or type(error).__name__
                log.warning(f"A worker was lost ({reason}); its trial is requeued.")

    def wait_for_work(self) -> int:
        """Fill the queue, while need be wait for other sweeps' workers, or for somebody to resume.

        Returns:
            how many trials there are for workers, also if few of them wait yet; none when the search is over.

        Raises:
            Cancelled: somebody has cancelled it.
        """
        while True:
            search = self.queue.obey()
            if search.state == CANCEL:
                raise Cancelled(f"Cancelled by {search.wishes[STATE].by}.")
            running = self.queue.running()
            goes_on = stop_reason(Tally(self.search, self.queue.trials())) is None
            waiting = self.queue.fill()
            if waiting and search.state != PAUSE:
                return max(waiting, self.queue.room())
            # What was asked for is there: what other sweeps on the study still run is theirs.
            if waiting == 0 and (not running or (not goes_on and not Tally(self.search, running).last_of_workers())):
                return 0
            self.queue.requeue_stale()
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _launch(self, guard: LauncherGuard, to_do: int) -> Exception | None:
        """Launch workers, on this machine no more than there are trials, and wait for them.

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
                    let_sweeper_decide(launcher, self.search.n_jobs)
                    returns = launcher.launch([[] for _ in range(missing)], initial_job_idx=0)
                else:
                    returns = self.processes.launch(to_do, settings)
        except Exception as error:  # each launcher has its own for a dead worker
            return error
        try:
            for worker in returns:
                _ = worker.return_value  # raises what ended a worker
        except CantStart as error:
            if self.wait_for_work():
                raise SystemExit(str(error)) from None
            log.warning(str(error))  # others could
        if returns and not self.processes.n_running():
            self.queue.requeue_left()
        return None

    def _ended_at_start(self, error: Exception) -> SystemExit:
        launcher = self.worker.config.hydra.runtime.choices.get("hydra/launcher")
        reason = raised_in(str(error))
        return SystemExit(
            f"hydra/launcher={launcher}: the workers end again and again before they have finished a trial "
            f"({type(error).__name__}: {reason}). See that code, packages and configuration are there for them too, "
            "and enough memory."
        )

    def _busy_workers(self) -> set[Owner]:
        """Return the workers of this sweep that run a trial now."""
        workers = Tally(self.search, self.queue.running()).last_of_workers()
        return {worker for worker in workers if not worker.is_here() or worker.is_alive()}

    def end_now(self) -> None:
        """End this sweep's workers, those that did not hear the signal too, and requeue what they were running."""
        asked: set[Owner] = set()
        started = time.monotonic()
        while (waited := time.monotonic() - started) < SECONDS_FOR_WORKERS_TO_HEAR:
            stale = self.queue.requeue_stale()
            left = self._busy_workers()
            may_hear = self.search.state == CANCEL and any(not worker.is_here() for worker in left)
            if (not stale and not left) or (waited > SECONDS_FOR_WORKERS_TO_END and not may_hear):
                return
            for worker in left - asked:  # once: they are requeueing their trials
                worker.terminate()
            asked |= left
            time.sleep(SECONDS_BETWEEN_LOOKS)
