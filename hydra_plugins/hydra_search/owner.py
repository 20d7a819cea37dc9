"""Who runs a trial or a job, whether that process is still there, and the heartbeat by which others know."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .trials import BEAT, OF_QUEUE, QUEUED, SWEEPER, WORKER

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

SECONDS_BETWEEN_BEATS = 15.0
# A process that can't be seen from here is gone when its beat has not changed for so long under somebody's eyes.
SILENCE = 90.0
# A claimed trial without an owner: its worker died between the two writes.
UNOWNED = 20.0
# Who has not looked for so long (stopped, or without a database) knows nothing, and begins to watch anew.
LONGEST_PAUSE = 30.0

PROC = Path("/proc")


@dataclass(frozen=True)
class Owner:
    """A process, told from every other one that there ever was, also after a change of the clock."""

    machine: str  # boot id and PID namespace: host names repeat. Where there is no /proc, the host's name
    pid: int
    started: float  # clock ticks since the boot; where there is no /proc, seconds since the epoch
    host: str = field(default="", compare=False)  # to be shown

    @classmethod
    def me(cls) -> "Owner":
        """Describe this process."""
        return _described(os.getpid(), machine())

    def as_attribute(self) -> dict[str, object]:
        """Return a JSON value, to be kept with a trial."""
        return asdict(self)

    @classmethod
    def of_attribute(cls, attribute: object) -> "Owner | None":
        """Read what `as_attribute` returned, or an older version; None for anything else.

        An older version has a host's name for the machine: such a process is one that can't be seen from here.
        """
        try:
            host = str(attribute["host"])  # type: ignore[index]  # what is no mapping is no owner
            machine = attribute.get("machine", host)  # type: ignore[attr-defined]  # the same
            return cls(str(machine), int(attribute["pid"]), float(attribute["started"]), host)  # type: ignore[index]
        except (TypeError, KeyError, ValueError, AttributeError):
            return None

    def is_here(self) -> bool:
        """Tell whether it is, or was, a process that can be seen from here."""
        return self.machine == machine()

    def is_alive(self) -> bool:
        """Tell whether this process, seen from here, still runs; one that was killed and not waited for does not."""
        status = _status_of(self.pid)
        return status is not None and (status.started is None or status.started == self.started)

    def is_mine(self) -> bool:
        """Tell whether it is this process, or one that this process has started, directly or not."""
        if not self.is_here() or not self.is_alive():
            return False
        pid: int | None = self.pid
        while pid and pid != os.getpid():
            status = _status_of(pid)
            pid = status.parent if status else None
        return pid == os.getpid()

    def terminate(self) -> None:
        """Ask another process to end; nothing is asked of this one, or of what can't be seen from here."""
        if self.is_here() and self.is_alive() and self.pid != os.getpid():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)


class _Status(NamedTuple):
    """What the system says of a process that has not ended."""

    parent: int | None
    started: float | None  # as Owner.started; None if that can't be seen


def machine() -> str:
    """Return what tells the processes that can be seen from here from all others."""
    try:
        return f"{_boot()} {(PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()


@cache
def _boot() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def of_process(pid: int) -> Owner:
    """Describe a process that can be seen from here, and runs."""
    status = _status_of(pid)
    return Owner(machine(), pid, (status and status.started) or 0.0, socket.gethostname())


@cache
def _described(pid: int, _: str) -> Owner:
    """Describe this process, once: not its parent, from which it may have the cache."""
    return of_process(pid)


def _status_of(pid: int) -> _Status | None:
    """Return the status of a process; None if it has ended, waited for or not."""
    if machine() == socket.gethostname():
        return _status_without_proc(pid)
    own = (PROC / "self").readlink().name == str(os.getpid())
    name = str(pid) if own else "self" if pid == os.getpid() else None
    try:
        if name is None:  # this is the /proc of another namespace, where the number is another process's
            raise PermissionError
        # The command, which may hold anything, stands in parentheses: proc(5). Then fields 3, 4, ... and 22.
        fields = (PROC / name / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return _Status(None, None) if _exists(pid) else None  # /proc may hide the processes of other users
    return None if fields[0] in "ZX" else _Status(int(fields[1]), float(fields[19]))


def _status_without_proc(pid: int) -> _Status | None:
    import psutil

    try:
        process = psutil.Process(pid)
        ended = process.status() == psutil.STATUS_ZOMBIE
        return None if ended else _Status(process.ppid(), process.create_time())
    except psutil.NoSuchProcess:
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_ours(trial: "FrozenTrial") -> bool:
    """Tell whether a running trial was taken by a worker of a sweep, and not by another program on the same study.

    Of a trial from our queue that nobody has said to have taken, a worker of ours may have died that very moment.
    Such a one has nothing yet; another program has suggested a parameter, or written something else.
    """
    if Owner.of_attribute(trial.user_attrs.get(WORKER)) is not None:
        return True
    is_untouched = not trial.params and not trial.intermediate_values and trial.user_attrs.keys() <= OF_QUEUE
    return is_untouched and QUEUED in trial.user_attrs


def owner_of(trial: "FrozenTrial") -> Owner | None:
    """Return the process that took the trial; None before it has written so."""
    return Owner.of_attribute(trial.user_attrs.get(WORKER))


def sweeper_of(trial: "FrozenTrial") -> Owner | None:
    """Return the process that started the trial's worker."""
    worker = trial.user_attrs.get(WORKER)
    return Owner.of_attribute(worker.get(SWEEPER)) if isinstance(worker, Mapping) else None


class _Sight(NamedTuple):
    """What was seen of a running trial, since when it has not changed, and when one has last looked."""

    sign: object
    since: float
    looked: float


class Watch:
    """Remembers when this process saw the beat of each running trial change, on its own monotonic clock.

    Clocks of two machines are never compared, and neither is one with itself before it was set.
    """

    def __init__(self) -> None:
        self._seen: Mapping[Hashable, _Sight] = {}

    def gone(self, running: Mapping[Hashable, Mapping[str, object]]) -> set[Hashable]:
        """Return those of the running trials that nobody works on any more; to be called every few seconds.

        Args:
            running: the user attributes of all running trials, with `worker` and `beat` as a worker writes them.
        """
        now = time.monotonic()
        self._seen = {key: self._look(key, (of.get(WORKER), of.get(BEAT)), now) for key, of in running.items()}
        return {key for key, of in running.items() if self._is_gone(Owner.of_attribute(of.get(WORKER)), key)}

    def _look(self, key: Hashable, sign: object, now: float) -> _Sight:
        before = self._seen.get(key)
        is_news = before is None or before.sign != sign or now - before.looked > LONGEST_PAUSE
        return _Sight(sign, now if is_news or before is None else before.since, now)

    def _is_gone(self, owner: Owner | None, key: Hashable) -> bool:
        if owner is not None and owner.is_here():
            return not owner.is_alive()
        sight = self._seen[key]
        return sight.looked - sight.since > (UNOWNED if owner is None else SILENCE)


@contextmanager
def every(seconds: float, call: Callable[[], None], name: str, first: float | None = None) -> Iterator[None]:
    """Call `call()` in a thread of this name while the block runs: after `first` seconds, then every `seconds`.

    Without `first`, the first time after `seconds`; not at all in a block that is shorter.
    """
    done = threading.Event()

    def loop() -> None:
        wait = seconds if first is None else first
        while not done.wait(wait):
            call()
            wait = seconds

    thread = threading.Thread(target=loop, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
