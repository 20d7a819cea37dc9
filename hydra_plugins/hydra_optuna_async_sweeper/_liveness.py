"""Who runs a trial, and whether that process is still there."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache

import psutil

SECONDS_BETWEEN_BEATS = 15.0
# A worker on another machine that has not beaten for so long is lost.
SILENCE = 90.0
# A claimed trial without an owner: its worker died between the two writes.
UNOWNED = 20.0


@dataclass(frozen=True)
class Owner:
    """A process: its number alone may be used again, with its start time it is unique on its host."""

    host: str
    pid: int
    started: float

    @classmethod
    def me(cls) -> "Owner":
        """Describe this process."""
        return _process(os.getpid())

    def as_attribute(self) -> dict[str, object]:
        """Return a JSON value, to be kept with a trial."""
        return asdict(self)

    def is_here(self) -> bool:
        """Tell whether it is, or was, a process of this machine."""
        return self.host == socket.gethostname()

    def is_alive(self) -> bool:
        """Tell whether this process of this machine still runs."""
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.started) < 2 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


@cache
def _process(pid: int) -> Owner:
    return Owner(socket.gethostname(), pid, psutil.Process(pid).create_time())


def owner_is_gone(attributes: Mapping[str, object], seconds_since_start: float, now: float) -> bool:
    """Tell from a running trial's user attributes whether nobody works on it any more.

    Args:
        attributes: `worker` and `beat`, as a worker writes them.
        seconds_since_start: since the trial was claimed.
        now: seconds since the epoch.
    """
    worker = attributes.get("worker")
    if not isinstance(worker, Mapping):
        return seconds_since_start > UNOWNED
    owner = Owner(str(worker["host"]), int(worker["pid"]), float(worker["started"]))
    if owner.is_here():
        return not owner.is_alive()
    beat = attributes.get("beat")
    last_sign = now - beat if isinstance(beat, (int, float)) else seconds_since_start
    return last_sign > SILENCE


@contextmanager
def beating(beat: Callable[[float], None]) -> Iterator[None]:
    """Call `beat(now)` every few seconds, in a thread, while the block runs."""
    done = threading.Event()

    def loop() -> None:
        while not done.wait(SECONDS_BETWEEN_BEATS):
            beat(time.time())

    thread = threading.Thread(target=loop, name="trial-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
