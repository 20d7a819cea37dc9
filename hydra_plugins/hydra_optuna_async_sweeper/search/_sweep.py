"""The sweep: open or resume the study, launch workers until nothing is left to do, and say what was found."""

import logging
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import optuna
from optuna.trial import TrialState

from hydra_plugins.hydra_search.files import MULTIRUN, write_aside
from hydra_plugins.hydra_search.secret_sources import recorded_yaml, secrets_of
from hydra_plugins.hydra_search.secrets import say_masked
from hydra_plugins.hydra_search.signals import Cancelled, terminable
from hydra_plugins.hydra_search.sweeps import write_sweep
from hydra_plugins.hydra_search.trials import ERROR, directory_of, over, reason_of
from hydra_plugins.hydra_search.waiting import said_if_slow
from hydra_plugins.hydra_search.wishes import CANCEL, N_TRIALS, STATE, STOP

from ..worker._sampler import Samplers, is_grid
from ..worker._worker import Worker
from ._directories import refuse_leftovers
from ._go_on import resume_command, with_n_trials
from ._makers import maker_text
from ._monitor import GRACE, FirstWorker, LauncherGuard, Monitor
from ._progress import Progress
from ._queue import TrialQueue
from ._report import NoReport
from ._results import report_of, write_results
from ._resume import go_on, open_study
from ._steering import Steering, begun
from ._stop import ALIKE, DUPLICATES, FAILURES, REPEATS_IN_A_ROW, stop_reason
from ._tally import Tally, failures
from ._wished import of_others
from ._workers import Workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig
    from optuna.trial import FrozenTrial

    from ._spec import Search

log = logging.getLogger(__name__)

CANCELLED = "cancelled"


@dataclass
class Sweep:
    """One call of `--multirun`."""

    worker: Worker
    queue: TrialQueue

    def __post_init__(self) -> None:
        self.workers = Workers(self.worker, self.queue)

    @property
    def search(self) -> "Search":
        """The search as it is wanted now."""
        return self.queue.search

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
        number = storage.get_study_id_from_name(search.study_name)
        search = replace(search, heard=of_others(search.storage.attributes(storage, number)))
        write_sweep(storage, number, begun(search))  # after the look: who sees it has a wish that this sweep obeys
        return cls(Worker(search, config, hydra_context, task_function), TrialQueue(search, storage))

    def run(self) -> None:
        """Run the search to its end; say what was found, and exit with the status that it deserves."""
        over_before = len(over(self.queue.trials(), self.search.max_retries))
        if over_before:
            log.info(f"Resuming with {over_before} finished trials of {self.search.n_trials}")
        report = report_of(self.search, self.worker.config)
        guard, first = LauncherGuard(self.search), FirstWorker(self.worker.config)
        with Steering(self.queue, report, self.workers.processes.wake) as steering:
            try:
                with (
                    terminable(),
                    closing(Progress(self.search, over_before)) as progress,
                    Monitor(
                        self.queue,
                        steering.look,
                        progress.look,
                        lambda tally: report.look(tally.trials),
                        guard.look,
                        first.look,
                    ),
                ):
                    self.workers.run(guard)
                    self.workers.processes.end(GRACE)
            except (KeyboardInterrupt, SystemExit) as left:
                self.workers.end_now()
                steering.look(Tally(self.search))
                steering.ended = self._leave(left, report)
                if steering.ended == CANCELLED:
                    raise Cancelled(f"Cancelled by {self.search.wishes[STATE].by}.") from None
                raise
            finally:
                self.workers.processes.end(0)
            trials = self.queue.trials()
            tally = Tally(self.search, trials)
            steering.look(tally)
            steering.ended = f"ended by {stop_reason(tally)}"
            self._say_end(trials, stop_reason(tally), report)

    def _leave(self, left: BaseException, report: NoReport) -> str:
        """Say how to go on with the search that is left. Returns how it ends."""
        config, argv = self.worker.config, secrets_of(self.worker.config).command(sys.argv)
        if N_TRIALS in self.search.wishes:
            argv = with_n_trials(argv, self.search.n_trials, config)
        command = resume_command(argv, self.search, has_study_name="study_name" in config)
        how = "stopped" if isinstance(getattr(left, "code", None), str) else "interrupted"
        how = CANCELLED if self.search.state == CANCEL else how
        log.warning(f"{how.capitalize()}. To go on: {command}")
        report.finish(self.queue.trials(), how)
        return how

    def _say_end(self, trials: "Sequence[FrozenTrial]", reason: str | None, report: NoReport) -> None:
        found = write_results(self.search, trials)
        written = report.finish(trials, f"ended by {reason}")
        if reason in (FAILURES, ALIKE):
            self._fail_for_failures(reason)
        if not found and reason != STOP:
            raise SystemExit("No trial finished, so there is no best one.")
        known = f" (the last {REPEATS_IN_A_ROW} draws were all known: the space has hardly anything new)"
        log.info(f"Ended by: {reason}{known if reason == DUPLICATES else ''}")
        if not written:
            raise SystemExit(1)  # in words, the report has said it

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
