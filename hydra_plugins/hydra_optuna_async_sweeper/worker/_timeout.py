"""The time that a job may take: after it an exception where the job runs, and after a grace the end of its process."""

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from hydra_plugins.hydra_search.errors import SearchError

SECONDS_OF_GRACE = 10.0
STATUS = 124  # of a process that was ended with its job, as timeout(1) has it
# A signal that interrupts a sleeping system call too; of those that training code handles, none is this one.
NUMBER = getattr(signal, "SIGRTMIN", signal.SIGALRM)


class OutOfTime(BaseException):
    """Is raised in a job that takes too long. A job's own `except Exception` lets it pass."""


class JobTimedOut(SearchError):
    """The job took longer than it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"trial_timeout: the job had not ended after {seconds:g} s")


@contextmanager
def time_limit(seconds: float | None, end: Callable[[], None]) -> Iterator[None]:
    """Let the block take so many seconds: then interrupt it.

    Args:
        seconds: None for as long as it takes.
        end: is called in another thread if the block goes on for the time of grace all the same.

    Raises:
        JobTimedOut: it has taken longer, however it ended.
    """
    if seconds is None:
        yield
        return
    done, late = threading.Event(), threading.Event()
    job = threading.current_thread()

    def raise_in_job(*_: int | FrameType | None) -> None:
        if not done.is_set():
            raise OutOfTime

    def watch() -> None:
        if done.wait(seconds):
            return
        late.set()
        if job is threading.main_thread():
            signal.pthread_kill(job.ident or 0, NUMBER)
        else:  # at the next step of its Python code
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(job.ident or 0), ctypes.py_object(OutOfTime))
        if not done.wait(SECONDS_OF_GRACE):
            end()

    with _handled(raise_in_job, job):
        watcher = threading.Thread(target=watch, name="trial-timeout", daemon=True)
        watcher.start()
        try:
            try:
                yield
            finally:
                done.set()
        except (Exception, OutOfTime) as error:
            if not late.is_set():
                raise
            raise JobTimedOut(seconds) from error
        finally:
            done.set()
            watcher.join()  # until then it may still send the signal
    if late.is_set():
        raise JobTimedOut(seconds)


@contextmanager
def _handled(handler: Callable[..., None], job: threading.Thread) -> Iterator[None]:
    """Handle the signal inside the block, where the job is in the main thread: nobody else may."""
    if job is not threading.main_thread():
        yield
        return
    before = signal.signal(NUMBER, handler)
    try:
        yield
    finally:
        signal.signal(NUMBER, signal.SIG_DFL if before is None else before)
