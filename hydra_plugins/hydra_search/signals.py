"""SIGTERM ends a search, or a worker, as Ctrl-C does: what runs is requeued."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import NoReturn

_handled: list[int] = []  # the signals that have a handler of ours now
_of_thread = threading.local()

Handler = Callable[[int, FrameType | None], object]


class Cancelled(SystemExit):
    """Somebody has cancelled the search; the text says who."""


class Terminated(SystemExit):
    """A signal has come that asks to end."""

    def __init__(self, number: int, theirs: Handler | None = None) -> None:
        super().__init__(128 + number)
        self.number = number
        self._theirs = theirs

    def hand_on(self) -> None:
        """Let the launcher do what it does for this signal: submitit queues the worker again, or tells why not."""
        if self._theirs:
            self._theirs(self.number, None)


@contextmanager
def terminable() -> Iterator[None]:
    """Turn SIGTERM into `Terminated` inside the block. Blocks may stand in one another."""
    with ExitStack() as restored:
        if threading.current_thread() is threading.main_thread():
            _handle(signal.SIGTERM, _leave, restored)
        yield


@contextmanager
def terminable_worker() -> Iterator[None]:
    """Turn SIGTERM, and the signal by which submitit hears of the end of a job's time, into `Terminated`.

    For a process that is nothing but a worker: submitit's own handler only notes SIGTERM, and its other one must be
    asked when the worker has left its trial.
    """
    with terminable(), ExitStack() as restored:
        preemption = getattr(signal, f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}")
        theirs = signal.getsignal(preemption)
        if callable(theirs) and threading.current_thread() is threading.main_thread():

            def leave_to_them(number: int, _: FrameType | None) -> NoReturn:
                raise Terminated(number, theirs)

            _handle(preemption, leave_to_them, restored)
        yield


def terminate_here() -> bool:
    """Let SIGTERM come to the main thread, to whatever it is waiting for. Returns False where it would not be heard."""
    if signal.SIGTERM not in _handled:
        return False
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    return True


def _handle(number: int, handler: Handler, restored: ExitStack) -> None:
    before = signal.signal(number, handler)
    if number not in _handled:
        _handled.append(number)
        restored.callback(_handled.remove, number)
    # None: a handler that was not set from Python can't be set again
    restored.callback(signal.signal, number, signal.SIG_DFL if before is None else before)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    raise Terminated(number)


# What a job forks, as a pool of `multiprocessing`, is not to do what the worker does. A signal that came to it before
# Python has begun there would be forgotten, and `Pool.terminate` wait for ever; so they are blocked until then.


def _block() -> None:
    if _handled:
        _of_thread.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _handled)


def _unblock() -> None:
    mask = _of_thread.__dict__.pop("mask", None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _leave_to_parent() -> None:
    for number in _handled:  # a cluster sends the other one to all processes; whose child this is will end it
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)
    _handled.clear()
    _unblock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_block, after_in_parent=_unblock, after_in_child=_leave_to_parent)
