"""Beside a trial that runs: says now and then that its worker lives, and hears whether the search is cancelled."""

import logging
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from optuna.exceptions import UpdateFinishedTrialError

from hydra_plugins.hydra_search.owner import SECONDS_BETWEEN_BEATS, Owner
from hydra_plugins.hydra_search.signals import terminate_here
from hydra_plugins.hydra_search.trials import BEAT, INTERRUPTED
from hydra_plugins.hydra_search.wishes import CANCEL

from .._upstream import trial_id

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from ..search._queue import TrialQueue
    from ..search._spec import Search

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = min(5.0, SECONDS_BETWEEN_BEATS)
SECONDS_OF_GRACE = 10.0
STATUS = 143  # of a process that was ended with its job, as by SIGTERM


class Pulse:
    """To be called in a thread of its own, every SECONDS_BETWEEN_LOOKS while the trial runs."""

    def __init__(self, queue: "TrialQueue", trial: "FrozenTrial") -> None:
        self._queue, self._trial = queue, trial
        self._beats = 0
        self._beaten = time.monotonic()
        self._ends_at: float | None = None  # since when the job has been told to end

    def __call__(self) -> None:
        """Beat if it is time; end the job of a search that was cancelled."""
        if time.monotonic() - self._beaten > SECONDS_BETWEEN_BEATS - SECONDS_BETWEEN_LOOKS / 2:
            self._beats, self._beaten = self._beats + 1, time.monotonic()
            with suppress(UpdateFinishedTrialError):  # it ends, or was taken for lost, this very moment
                self._queue.storage.set_trial_user_attr(trial_id(self._trial), BEAT, [self._beats, time.time()])
        try:
            search = self._queue.obey()
        except Exception:  # of a storage: whoever closes the trial meets it too
            log.debug("The study can't be asked what is wished of it.", exc_info=True)
            return
        if search.state == CANCEL and not _has_sweeper(search):
            self._end_job()

    def _end_job(self) -> None:
        """End the job as SIGTERM would, and the process with one that does not hear it."""
        if self._ends_at is None:
            self._ends_at = time.monotonic() + SECONDS_OF_GRACE
            terminate_here()
        elif time.monotonic() > self._ends_at:
            self._queue.requeue(self._trial, INTERRUPTED)
            os._exit(STATUS)


def is_apart(search: "Search") -> bool:
    """Tell whether this process is nothing but a worker, and not the sweeper's own."""
    return search.sweeper != Owner.me()


def _has_sweeper(search: "Search") -> bool:
    """Tell whether the sweeper is there to end this process itself: it is the same, or on this machine."""
    return search.sweeper.is_here() and search.sweeper.is_alive()
