"""Watches the study from the sweeper's process while the workers work: lost trials, progress, and the very end."""

import _thread
import logging
import signal
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from ._progress import progress_line, standard_progress
from ._stop import stop_reason, verdicts

if TYPE_CHECKING:
    from ._queue import TrialQueue
    from ._reporting import Report
    from ._search import Search

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_END = 5.0
# After the last trial, launchers get so long to return.
GRACE = 30.0


class Watch:
    """A thread of the sweeper, for the time of a `with` block."""

    def __init__(self, search: "Search", queue: "TrialQueue", report: "Report | None") -> None:
        self.search = search
        self.queue = queue
        self.report = report
        self.gave_up = False
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sweep-watch", daemon=True)
        self._started = time.monotonic()
        self._finished_before = 0

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
        progress.close()
