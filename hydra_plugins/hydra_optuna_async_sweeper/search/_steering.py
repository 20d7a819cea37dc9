"""The sweep's own side of what people wish of it: said in its log and to its tracking, kept in its record, obeyed."""

import logging
import shlex
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.commands import as_typed
from hydra_plugins.hydra_search.errors import as_sentence
from hydra_plugins.hydra_search.signals import terminate_here
from hydra_plugins.hydra_search.sweeps import SweepRecord, write_sweep
from hydra_plugins.hydra_search.wishes import (
    CANCEL,
    ENQUEUE,
    N_TRIALS,
    PAUSE,
    RESUME,
    STATE,
    STOP,
    Wish,
    heard_in,
    note_heard,
    wishes_in,
)

from ._stop import is_out_of_time

if TYPE_CHECKING:
    from ._queue import TrialQueue
    from ._report import NoReport
    from ._spec import Search
    from ._tally import Tally

log = logging.getLogger(__name__)

MEANINGS = {
    RESUME: "trials start again",
    STOP: "no trial starts any more, those that run end",
    CANCEL: "running trials are requeued",
}


def begun(search: "Search") -> SweepRecord:
    """Return the record of a sweep that begins."""
    return SweepRecord(
        search.key, search.sweeper.as_attribute(), search.started, search.n_jobs, search.n_trials, search.timeout
    )


class Steering:
    """Follows what is wished of the sweep for the time of a `with` block, and keeps the sweep's record."""

    def __init__(self, queue: "TrialQueue", report: "NoReport", wake: threading.Event) -> None:
        self.ended = "failed"  # how the sweep ends, as its record will have it
        self._queue = queue
        self._report = report
        self._wake = wake  # tells who waits for workers that there may be work for more
        self._record = begun(queue.search)
        self._heard: set[str] = set()
        self._is_cancelled = False

    def __enter__(self) -> "Steering":
        """Say what was asked for while no sweep was there to say it."""
        search, queue = self._queue.search, self._queue
        said = {wish.id for wish in heard_in(Path(search.sweep_dir))}
        for wish in wishes_in(search.storage.attributes(queue.storage, queue.study_id)).values():
            if wish.id in search.heard - said and (wish.concern == ENQUEUE or wish.value == RESUME):
                self._hear(wish, search)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        with suppress(Exception):  # a database that is away: whoever looks sees that the process is gone
            write_sweep(self._queue.storage, self._queue.study_id, self._record.end(self.ended))

    def look(self, tally: "Tally") -> None:
        """Say what is new among the wishes; interrupt the sweep, once, that is cancelled."""
        search = tally.search
        for wish in search.wishes.values():
            if wish.id not in self._heard:
                self._hear(wish, search)
        self._report.obey(search)
        now = {"n_trials": search.n_trials, "timeout": search.timeout, "timed_out": is_out_of_time(search)}
        if (record := replace(self._record, **now)) != self._record:  # type: ignore[arg-type]  # the fields' own types
            self._record = record
            write_sweep(self._queue.storage, self._queue.study_id, record)
        if search.state == CANCEL and not self._is_cancelled:
            self._is_cancelled = terminate_here()

    def _hear(self, wish: Wish, search: "Search") -> None:
        self._heard.add(wish.id)
        note_heard(Path(search.sweep_dir), wish)
        text = as_sentence(wish.text) if wish.concern == STATE else wish.text
        log.info(f"{text}{_meaning(wish, search)}")
        if wish.value not in (PAUSE, STOP, CANCEL):
            self._wake.set()


def _meaning(wish: Wish, search: "Search") -> str:
    if wish.value == PAUSE:
        return f": no trial starts. To go on: hydra-search resume {shlex.quote(as_typed(search.sweep_dir))}"
    if wish.concern == N_TRIALS and wish.value != search.n_trials:
        return f": {search.n_trials}, as many as the grid has points"
    return f": {meaning}" if (meaning := MEANINGS.get(str(wish.value))) else ""
