"""Records that wait for their delivery: sent by threads beside the work, and what is left at the end of a search."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path

from ._client import client_for
from ._delivery import deliver
from ._reach import REQUESTS_AT_A_TIME, is_database, is_there
from ._record import JobRecord, SearchRecord
from ._summary import ranked

log = logging.getLogger(__name__)

# Of one process. What does not fit is sent by the search's end: no job waits.
LARGEST_BACKLOG = 256
SECONDS_BETWEEN_LINES = 5.0
# The report, which is made when the workers have ended, names the runs that there are by then.
SECONDS_AT_THE_END = 20.0
SECONDS_BETWEEN_CHECKS = 0.02


def n_senders(tracking_uri: str) -> int:
    """Return how many records are sent at a time by one process."""
    return 1 if is_database(tracking_uri) else REQUESTS_AT_A_TIME


class Backlog:
    """What a worker has still to send while it runs the next jobs. A process that is killed leaves it on disk."""

    def __init__(self, tracking_uri: str) -> None:
        self._n_threads = n_senders(tracking_uri)
        self._waiting: queue.Queue[Callable[[], None] | None] = queue.Queue(LARGEST_BACKLOG)
        self._threads: list[threading.Thread] = []

    def put(self, send: Callable[[], None]) -> bool:
        """Have something sent soon, by a call that raises nothing. Returns False if there is no room for it."""
        try:
            self._waiting.put_nowait(send)
        except queue.Full:
            return False
        if len(self._threads) < self._n_threads:
            # Daemons: a process that is told to end does not wait for a server.
            self._threads.append(threading.Thread(target=self._send, name="mlflow-delivery", daemon=True))
            self._threads[-1].start()
        return True

    def end(self, seconds: float = SECONDS_AT_THE_END) -> None:
        """Send what is left, for so many seconds at most; then begin no more, and wait for what is under way."""
        deadline = time.monotonic() + min(seconds, SECONDS_AT_THE_END)
        said = time.monotonic()
        while (left := self._waiting.qsize()) and time.monotonic() < deadline:
            time.sleep(SECONDS_BETWEEN_CHECKS)
            if time.monotonic() - said > SECONDS_BETWEEN_LINES:
                said = time.monotonic()
                log.info("%d jobs are still on their way to MLflow", left)
        with suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _send(self) -> None:
        while (send := self._waiting.get()) is not None:
            send()


def mark_kept(search: SearchRecord, jobs: Sequence[tuple[Path, JobRecord]]) -> None:
    """Let the best jobs be delivered once more, with their files, where only those of the best are uploaded.

    Not while another sweep of the search goes on, which may find better ones.
    """
    number = search.settings.n_kept
    if not number or search.sweeps:
        return
    best = {record.key for record in ranked([record for _, record in jobs], search.settings.directions)[:number]}
    for path, record in jobs:
        if record.key in best and not record.is_kept:
            record.is_kept, record.sent = True, False
            record.save(path)


def deliver_each(
    search: SearchRecord, jobs: Sequence[tuple[Path, JobRecord]], seconds: float | None
) -> Exception | None:
    """Deliver records, several at a time; return what kept one of them from going that keeps no other from it.

    Raises:
        TimeoutError: not all have gone in so many seconds.
        Exception: what the store raises that does not answer any more.
    """
    if not jobs:
        return None
    settings, client = search.settings, client_for(search.settings)
    trouble: Exception | None = None
    said = time.monotonic()
    pool = ThreadPoolExecutor(n_senders(settings.tracking_uri), thread_name_prefix="mlflow-delivery")
    try:
        sent = [pool.submit(deliver, settings, record, path) for path, record in jobs]
        for n, done in enumerate(as_completed(sent, seconds), start=1):
            error = done.exception()
            if error and not (isinstance(error, Exception) and is_there(client, search.run_id)):
                raise error
            trouble = trouble or (error if isinstance(error, Exception) else None)
            if time.monotonic() - said > SECONDS_BETWEEN_LINES:
                said = time.monotonic()
                log.info("MLflow has taken %d of the %d jobs that were left", n, len(jobs))
    except TimeoutError:
        key = settings.named("delivery_timeout")
        raise TimeoutError(f"{key}: {seconds:g} s were not enough") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return trouble
