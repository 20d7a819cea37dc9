"""Watches the study from the sweeper's process while the workers work: lost trials, progress, and the very end."""

import _thread
import logging
import signal
import threading
import time
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from ._liveness import Owner
from ._progress import progress_line, standard_progress
from ._stop import stop_reason, verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optuna.trial import FrozenTrial

    from ._queue import TrialQueue
    from ._reporting import Report
    from ._search import Search

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_END = 5.0
# After the last trial, or the last worker, launchers get so long to return.
GRACE = 30.0


class LauncherLeft(Exception):
    """A launcher was interrupted that waited for workers of which none was left."""


class Watch:
    """A thread of the sweeper, for the time of a `with` block."""

    def __init__(self, search: "Search", queue: "TrialQueue", report: "Report | None") -> None:
        self.search = search
        self.queue = queue
        self.report = report
        self.gave_up = False
        self._orphaned = Orphaned(queue)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sweep-watch", daemon=True)
        self._started = time.monotonic()
        self._finished_before = 0

    @contextmanager
    def launching(self, n_workers: int) -> "Iterator[None]":
        """Interrupt the launcher in the block if it waits for workers of which none is left.

        Raises:
            LauncherLeft: that was done.
        """
        orphaned = self._orphaned = Orphaned(self.queue, n_workers)
        try:
            yield
        except KeyboardInterrupt:
            if not orphaned.told:
                raise
            raise LauncherLeft("the launcher did not notice") from None
        finally:
            self._orphaned = Orphaned(self.queue)

    def __enter__(self) -> "Watch":
        self._finished_before = len(verdicts(self.queue.trials(), self.search.max_retries))
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        self._done.set()
        self._thread.join(SECONDS_TO_END)  # it may be waiting for a database
        # The launcher did not come back after the last trial: the interrupt was ours, not the user's.
        return self.gave_up and kind is KeyboardInterrupt

    def _loop(self) -> None:
        complete_since = None
        progress = standard_progress()
        while not self._done.wait(SECONDS_BETWEEN_LOOKS):
            self.queue.close_lost()
            trials = self.queue.trials()
            progress.show(progress_line(trials, self.search, time.monotonic() - self._started, self._finished_before))
            if self.report:
                self.report.refresh(trials)
            running = any(trial.state is TrialState.RUNNING for trial in trials)
            if running or stop_reason(trials, self.search) is None:
                complete_since = None
            elif complete_since is None:
                complete_since = time.monotonic()
            elif time.monotonic() - complete_since > GRACE and not self.gave_up:
                self.gave_up = True
                log.warning("All trials are done, but the launcher does not return; leaving it.")
                _thread.interrupt_main(signal.SIGINT)
            if not complete_since and self._orphaned.look(trials):
                log.warning("All workers are gone, but the launcher waits for them; leaving it.")
                _thread.interrupt_main(signal.SIGINT)
        progress.close()


class Orphaned:
    """Finds out that a launcher waits for workers of which none is left, as Slurm's does without accounting."""

    def __init__(self, queue: "TrialQueue", n_workers: int | None = None) -> None:
        self.n_workers = n_workers  # None: none were launched
        self.told = False
        self._since: float | None = None
        self._before = set() if n_workers is None else self._own(queue.trials())

    def look(self, trials: "Sequence[FrozenTrial]") -> bool:
        """Return True once, when every worker of this launch has been gone for the time of grace."""
        if self.n_workers is None or self.told:
            return False
        workers = self._own(trials) - self._before
        if len(workers) < self.n_workers or any(self._is_there(worker, trials) for worker in workers):
            self._since = None
        elif self._since is None:
            self._since = time.monotonic()
        elif time.monotonic() - self._since > GRACE:
            self.told = True
        return self.told

    def _own(self, trials: "Sequence[FrozenTrial]") -> set[Owner]:
        mine = Owner.me().as_attribute()
        found = (trial.user_attrs.get("worker", {}) for trial in trials)
        return {Owner.of_attribute(worker) for worker in found if worker.get("sweeper") == mine}

    def _is_there(self, worker: Owner, trials: "Sequence[FrozenTrial]") -> bool:
        """Tell whether the process runs; on another machine, whether its last trial was not lost."""
        if worker.is_here():
            return worker.is_alive()
        own = [t for t in trials if (found := t.user_attrs.get("worker")) and Owner.of_attribute(found) == worker]
        return "lost" not in own[-1].user_attrs
