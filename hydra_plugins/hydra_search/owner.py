"""Who runs a trial or a job, whether that process is still there, and the heartbeat by which other machines know."""

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from .trials import BEAT, WORKER

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
        return of_process(os.getpid())

    def as_attribute(self) -> dict[str, object]:
        """Return a JSON value, to be kept with a trial."""
        return asdict(self)

    @classmethod
    def of_attribute(cls, attribute: Mapping[str, Any]) -> "Owner":  # Any: JSON
        """Read what `as_attribute` returned."""
        return cls(str(attribute["host"]), int(attribute["pid"]), float(attribute["started"]))

    def is_here(self) -> bool:
        """Tell whether it is, or was, a process of this machine."""
        return self.host == socket.gethostname()

    def is_alive(self) -> bool:
        """Tell whether this process of this machine still runs; one that was killed and not waited for does not."""
        import psutil

        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.started) < 2 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def is_mine(self) -> bool:
        """Tell whether it is this process, or one that this process has started, directly or not."""
        import psutil

        if not self.is_here() or not self.is_alive():
            return False
        with suppress(psutil.NoSuchProcess):
            parents = [parent.pid for parent in psutil.Process(self.pid).parents()]
            return os.getpid() in (self.pid, *parents)
        return False

    def terminate(self) -> None:
        """Ask another process of this machine to end; nothing is asked of this one, or across machines."""
        import psutil

        if self.is_here() and self.is_alive() and self.pid != os.getpid():
            with suppress(psutil.NoSuchProcess):
                psutil.Process(self.pid).terminate()


@cache
def of_process(pid: int) -> Owner:
    """Describe a process of this machine that runs."""
    import psutil

    return Owner(socket.gethostname(), pid, psutil.Process(pid).create_time())


def owner_is_gone(attributes: Mapping[str, object], seconds_since_start: float, now: float) -> bool:
    """Tell from a running trial's user attributes whether nobody works on it any more.

    Args:
        attributes: `worker` and `beat`, as a worker writes them.
        seconds_since_start: since the trial was claimed.
        now: seconds since the epoch.
    """
    worker = attributes.get(WORKER)
    if not isinstance(worker, Mapping):
        return seconds_since_start > UNOWNED
    owner = Owner.of_attribute(worker)
    if owner.is_here():
        return not owner.is_alive()
    beat = attributes.get(BEAT)
    last_sign = now - beat if isinstance(beat, (int, float)) else seconds_since_start
    return last_sign > SILENCE


@contextmanager
def every(seconds: float, call: Callable[[], None], name: str) -> Iterator[None]:
    """Call `call()` in a thread of this name while the block runs; not at all in a block shorter than `seconds`."""
    done = threading.Event()

    def loop() -> None:
        while not done.wait(seconds):
            call()

    thread = threading.Thread(target=loop, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
