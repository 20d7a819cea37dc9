"""The sweep: prepare everything that can be refused, then launch workers until the study is complete."""

import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import optuna
from hydra.core.plugins import Plugins
from omegaconf import OmegaConf
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from ._launch_item import item_context
from ._liveness import Owner
from ._queue import TrialQueue
from ._results import resume_command, tell_results
from ._sampler import instantiate_sampler, is_grid
from ._search_space import bad_input, shown
from ._stop import FAILURES, stop_reason, verdicts
from ._storage import described, open_storage
from ._termination import terminable
from ._watch import Watch
from ._worker import Worker
from ._worker_preflight import CantStart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from ._reporting import Report
    from ._search import Search

log = logging.getLogger(__name__)

# Workers that die at once, again and again, die of something that another launch won't cure.
FRUITLESS_LAUNCHES = 5


@dataclass
class Sweep:
    """One call of `--multirun`."""

    search: "Search"
    storage: BaseStorage
    worker: Worker

    @classmethod
    def open(
        cls, search: "Search", config: "DictConfig", hydra_context: "HydraContext", task_function: "TaskFunction"
    ) -> "Sweep":
        """Open or resume the study.

        Raises:
            BadInput: the study was begun with other directions.
        """
        sweep_dir = Path(search.sweep_dir)
        sweep_dir.mkdir(parents=True, exist_ok=True)
        if not (sweep_dir / "multirun.yaml").exists():
            OmegaConf.save(config, sweep_dir / "multirun.yaml")
        storage = open_storage(search.storage)
        optuna.logging.disable_default_handler()
        study = optuna.create_study(
            study_name=search.study_name,
            storage=storage,
            directions=[StudyDirection[direction.upper()] for direction in search.directions],
            load_if_exists=True,
        )
        begun_with = tuple(direction.name.lower() for direction in study.directions)
        if begun_with != search.directions:
            remedy = f"Set direction={shown(list(begun_with))}, or another study_name."
            rule = f"the study {search.study_name!r} was begun with {shown(list(begun_with))}"
            raise bad_input("direction (hydra.sweeper.direction)", list(search.directions), rule, remedy)
        log.info(f"Study name: {study.study_name}")
        log.info(f"Storage: {described(search.storage)}")
        sampler = "GridSampler" if is_grid(search.sampler) else type(instantiate_sampler(search.sampler)).__name__
        log.info(f"Sampler: {sampler}")
        log.info(f"Directions: {list(search.directions)}")
        return cls(search, storage, Worker(search, config, hydra_context, task_function))

    def run(self) -> None:
        """Run the search to its end; tells what was found, and exits with the status that it deserves."""
        queue = TrialQueue(self.search, self.storage)
        finished = len(verdicts(queue.trials(), self.search.max_retries))
        if finished:
            log.info(f"Resuming with {finished} finished trials of {self.search.n_trials}")
        report = self._report()
        try:
            with terminable(), Watch(self.search, queue, report) as watch:
                self._launch_until_complete(queue, watch)
        except (KeyboardInterrupt, SystemExit) as left:
            self._put_back_own(queue)
            command = resume_command(sys.argv, self.search, has_knob="study_name" in self.worker.config)
            how = "stopped" if isinstance(getattr(left, "code", None), str) else "interrupted"
            log.warning(f"{how.capitalize()}. To go on: {command}")
            if report:
                report.finish(queue.trials(), how)
            raise
        reason = stop_reason(queue.trials(), self.search)
        found = tell_results(self.search, queue.trials())
        if report:
            report.finish(queue.trials(), f"ended by {reason}")
        if reason == FAILURES:
            self._fail_for_failures(queue)
        if not found:
            raise SystemExit("No trial finished, so there is no best one.")
        log.info(f"Ended by: {reason}")

    def _report(self) -> "Report | None":
        if not self.search.report:
            return None
        from ._reporting import Report, facts_of

        return Report(facts_of(self.search, self.worker.config), Path(self.search.sweep_dir))

    def _launch_until_complete(self, queue: TrialQueue, watch: Watch) -> None:
        fruitless, before = 0, -1
        while not self._is_complete(queue):
            done = sum(trial.state.is_finished() for trial in queue.trials())
            fruitless = fruitless + 1 if done == before else 0
            before = done
            error = self._launch(queue, watch)
            queue.close_lost()
            if error and fruitless >= FRUITLESS_LAUNCHES:
                raise self._ended_at_start(error)
            if error:
                reason = str(error).partition("\n")[0] or type(error).__name__
                log.warning(f"A worker was lost ({reason}); its trial is put back.")

    def _is_complete(self, queue: TrialQueue) -> bool:
        """Tell whether nothing is left to do. Waits while only other sweeps' workers are busy."""
        while True:
            running = queue.trials(TrialState.RUNNING)
            over = stop_reason(queue.trials(), self.search) is not None
            if not running and (over or queue.fill() == 0):
                return True
            if not over and queue.fill() > 0:
                return False
            queue.close_lost()
            time.sleep(0.2)

    def _launch(self, queue: TrialQueue, watch: Watch) -> Exception | None:
        """Launch the workers and wait for them. Returns what the launcher raised, if it did."""
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=item_context(self.worker.hydra_context),
            task_function=self.worker,
            config=self.worker.config,
        )
        # What the launcher says about its items would be taken for the trials.
        logging.getLogger(type(launcher).__module__.rpartition(".")[0]).setLevel(logging.WARNING)
        # A launcher may raise for a worker that died while the others go on.
        missing = max(1, self.search.n_jobs - len(self._running_own(queue)))
        items: list[list[str]] = [[] for _ in range(missing)]
        try:
            with watch.launching(missing):
                returns: Sequence[JobReturn] = launcher.launch(items, initial_job_idx=0)
        except Exception as error:  # each launcher has its own for a dead worker
            return error
        try:
            for worker in returns:
                _ = worker.return_value  # raises what ended a worker
        except CantStart as error:
            if not self._is_complete(queue):
                raise SystemExit(str(error)) from None
            log.warning(str(error))  # others could
        queue.close_left()
        return None

    def _ended_at_start(self, error: Exception) -> SystemExit:
        launcher = self.worker.config.hydra.runtime.choices.get("hydra/launcher")
        reason = str(error).strip().rpartition("\n")[2]
        return SystemExit(
            f"hydra/launcher={launcher}: the workers end again and again before they have finished a trial "
            f"({type(error).__name__}: {reason}). See that code, packages and configuration are there for them too, "
            "and enough memory."
        )

    def _running_own(self, queue: TrialQueue) -> list[Owner]:
        """Return the workers of this sweep that run a trial now."""
        mine = Owner.me().as_attribute()
        workers = [trial.user_attrs.get("worker", {}) for trial in queue.trials(TrialState.RUNNING)]
        owners = [Owner.of_attribute(worker) for worker in workers if worker.get("sweeper") == mine]
        return [owner for owner in owners if not owner.is_here() or owner.is_alive()]

    def _put_back_own(self, queue: TrialQueue) -> None:
        """End this sweep's workers, those that did not hear the signal too, and put back what they were running."""
        asked: set[Owner] = set()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            lost = queue.close_lost()
            left = self._running_own(queue)
            if not lost and not left:
                return
            for worker in set(left) - asked:  # once: they are putting their trials back
                worker.terminate()
            asked |= set(left)
            time.sleep(0.2)

    def _fail_for_failures(self, queue: TrialQueue) -> NoReturn:
        failed = verdicts(queue.trials(TrialState.FAIL), self.search.max_retries)
        last = failed[-1]
        reason = last.user_attrs.get("error") or f"{last.user_attrs.get('lost')}, and put back often enough"
        raise SystemExit(
            f"{len(failed)} trials failed, more than max_failure_rate={self.search.max_failure_rate} of "
            f"n_trials={self.search.n_trials} allows. The last one, trial {last.number}: {reason}\n"
            f"Its log: {Path(self.search.sweep_dir, str(last.number))}"
        )
