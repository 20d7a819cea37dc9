"""Watches the study from the sweeper's process while the workers work, and the launcher that waits for them."""

import _thread
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from hydra_plugins.hydra_search.owner import Owner, is_ours
from hydra_plugins.hydra_search.trials import LOST, is_confirmation
from hydra_plugins.hydra_search.waiting import SECONDS_OF_SILENCE, say_once
from hydra_plugins.hydra_search.wishes import PAUSE

from ._confirming import may_confirm
from ._disk import Disk
from ._stop import stop_reason
from ._tally import Tally

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from optuna.trial import FrozenTrial

    from ._queue import TrialQueue
    from ._spec import Search

    Look = Callable[[Tally], None]

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_END = 5.0
# After the last trial, or the last worker, launchers get so long to return.
GRACE = 30.0


class LauncherLeft(Exception):
    """A launcher was interrupted that waited for workers of which none was left."""


class Monitor:
    """A thread of the sweeper, for the time of a `with` block: requeues stale trials, and shows all to the `looks`."""

    def __init__(self, queue: "TrialQueue", *looks: "Look") -> None:
        self._queue = queue
        self._disk = Disk(queue.search)
        self._looks = (*looks, self._disk.look)
        self._tally = Tally(queue.search)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sweep-monitor", daemon=True)

    def __enter__(self) -> "Monitor":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._done.set()
        self._thread.join(SECONDS_TO_END)  # it may be waiting for a database
        if kind is None:
            self._disk.finish(self._queue.trials())

    def _loop(self) -> None:
        while not self._done.wait(SECONDS_BETWEEN_LOOKS):
            self._queue.requeue_stale()
            self._tally.search = self._queue.obey()
            self._tally.look(self._queue.trials())
            for look in self._looks:
                look(self._tally)


class FirstWorker:
    """Says, once, that no worker has begun: a launcher that starts a cluster, or has to queue, may take its time."""

    def __init__(self, config: "DictConfig") -> None:
        self._launcher = config.hydra.runtime.choices.get("hydra/launcher")
        self._since = time.monotonic()

    def look(self, tally: Tally) -> None:
        """Say it after two seconds in which none has taken a trial, and none was kept from it."""
        if tally.search.state == PAUSE:
            self._since = time.monotonic()
        if time.monotonic() - self._since > SECONDS_OF_SILENCE and not tally.last_of_workers():
            say_once(f"Waiting for the first worker of hydra/launcher={self._launcher}")


class Vain(Enum):
    """What a launcher may be waiting for in vain."""

    DONE = "All trials are done, but the launcher does not return; leaving it."
    ORPHANED = "All workers are gone, but the launcher waits for them; leaving it."


class LauncherGuard:
    """Interrupts a launcher that does not return: after the last trial, or when all of its workers have ended.

    Slurm's, without accounting, waits for ever for a worker that was killed.
    """

    def __init__(self, search: "Search", interrupt: Callable[[], None] | None = None) -> None:
        self._search = search
        self._interrupt = interrupt or (lambda: _thread.interrupt_main(signal.SIGINT))
        self._launches = False
        self._n_workers: int | None = None  # of the launch that goes on
        self._before: set[Owner] = set()
        self._in_vain: Vain | None = None
        self._since = 0.0
        self._left_for: Vain | None = None

    @contextmanager
    def launching(self, tally: Tally, n_workers: int | None) -> Iterator[None]:
        """Guard the launcher that is called in the block; after the last trial the block just ends.

        Args:
            tally: of the study, before the launch.
            n_workers: that are launched; None where the launcher itself sees each of them end.

        Raises:
            LauncherLeft: it was interrupted because all of its workers have ended.
        """
        self._before, self._in_vain, self._left_for = set(tally.last_of_workers()), None, None
        self._n_workers, self._launches = n_workers, True
        try:
            yield
        except KeyboardInterrupt:
            if self._left_for is None:
                raise
            if self._left_for is Vain.ORPHANED:
                raise LauncherLeft("the launcher did not notice") from None
        finally:
            self._launches = False

    def look(self, tally: Tally) -> None:
        """Interrupt the launcher, once, if it has been waiting in vain for the time of grace."""
        if not self._launches or self._left_for is not None:
            return
        reason = self._reason(tally)
        if reason is not self._in_vain:
            self._in_vain, self._since = reason, time.monotonic()
        elif reason is not None and time.monotonic() - self._since > GRACE:
            self._left_for = reason
            log.warning(reason.value)
            self._interrupt()

    def _reason(self, tally: Tally) -> Vain | None:
        running = any(trial.state is TrialState.RUNNING and is_ours(trial) for trial in tally.open)
        confirms = any(trial.state is TrialState.WAITING and is_confirmation(trial) for trial in tally.open)
        reason = stop_reason(tally)
        if not running and reason is not None and not (confirms and may_confirm(reason, tally.search)):
            return Vain.DONE
        if self._n_workers is None:
            return None
        last = {worker: t for worker, t in tally.last_of_workers().items() if worker not in self._before}
        ended = len(last) >= self._n_workers and not any(may_run(worker, trial) for worker, trial in last.items())
        return Vain.ORPHANED if ended else None


def may_run(worker: Owner, last: "FrozenTrial") -> bool:
    """Tell whether the process runs; on another machine, whether its last trial was not lost."""
    return worker.is_alive() if worker.is_here() else LOST not in last.user_attrs
