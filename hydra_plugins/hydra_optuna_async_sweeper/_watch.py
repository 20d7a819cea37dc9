"""Watches the study from the sweeper's process while the workers work: lost trials, progress, and the very end."""

import _thread
import logging
import signal
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from ._stop import is_put_back, stop_reason

if TYPE_CHECKING:
    from ._queue import TrialQueue
    from ._search import Search

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_BETWEEN_LINES = 10.0
# After the last trial, launchers get so long to return.
GRACE = 30.0


class Watch:
    """A thread of the sweeper, for the time of a `with` block."""

    def __init__(self, search: "Search", queue: "TrialQueue") -> None:
        self.search = search
        self.queue = queue
        self.gave_up = False
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sweep-watch", daemon=True)
        self._started = time.monotonic()
        self._finished_before = 0
        self._said = ""

    def __enter__(self) -> "Watch":
        self._finished_before = sum(trial.state.is_finished() for trial in self.queue.trials())
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        self._done.set()
        self._thread.join()
        # The launcher did not come back after the last trial: the interrupt was ours, not the user's.
        return self.gave_up and kind is KeyboardInterrupt

    def _loop(self) -> None:
        last_line, complete_since = self._started, None
        while not self._done.wait(SECONDS_BETWEEN_LOOKS):
            self.queue.close_lost()
            trials = self.queue.trials()
            if time.monotonic() - last_line >= SECONDS_BETWEEN_LINES:
                last_line = time.monotonic()
                self._say(progress(trials, self.search, last_line - self._started, self._finished_before))
            running = any(trial.state is TrialState.RUNNING for trial in trials)
            if running or stop_reason(trials, self.search) is None:
                complete_since = None
            elif complete_since is None:
                complete_since = time.monotonic()
            elif time.monotonic() - complete_since > GRACE and not self.gave_up:
                self.gave_up = True
                log.warning("All trials are done, but the launcher does not return; leaving it.")
                _thread.interrupt_main(signal.SIGINT)

    def _say(self, line: str) -> None:
        if line != self._said:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
        self._said = line


def progress(trials: list[FrozenTrial], search: "Search", seconds: float, finished_before: int) -> str:
    """Return one line: done, pruned, failed, best, time left.

    Args:
        trials: all of the study's.
        seconds: since this sweep started.
        finished_before: trials that were finished then.
    """
    counted = [trial for trial in trials if not is_put_back(trial, search.max_retries)]
    count = {state: sum(trial.state is state for trial in counted) for state in TrialState}
    done = sum(count[state] for state in TrialState if state.is_finished())
    parts = [f"{done}/{search.n_trials} trials", f"{count[TrialState.RUNNING]} running"]
    parts += [f"{count[TrialState.PRUNED]} pruned"] if count[TrialState.PRUNED] else []
    parts += [f"{count[TrialState.FAIL]} failed"] if count[TrialState.FAIL] else []
    values = (
        [trial.value for trial in counted if trial.state is TrialState.COMPLETE] if len(search.directions) == 1 else []
    )
    if values:
        best = (
            max(v for v in values if v is not None)
            if search.directions[0] == "maximize"
            else min(v for v in values if v is not None)
        )
        parts.append(f"best {best:.6g}")
    new = done - finished_before
    if new > 0:
        parts.append(f"{seconds / new * (search.n_trials - done):.0f} s left")
    return ", ".join(parts)
