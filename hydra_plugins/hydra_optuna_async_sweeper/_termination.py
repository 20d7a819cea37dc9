"""SIGTERM ends a search, or a worker, as Ctrl-C does: what runs is put back."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import NoReturn


class Terminated(SystemExit):
    """A signal has come that asks to end."""

    def __init__(self, number: int, handler: Callable[[int, FrameType | None], object] | None) -> None:
        super().__init__(128 + number)
        self.number = number
        self._handler = handler

    def hand_on(self) -> None:
        """Let the launcher do what it does for this signal: submitit queues the worker again, or tells why not."""
        if self._handler:
            self._handler(self.number, None)


@contextmanager
def terminable(*, owns_process: bool = False) -> Iterator[bool]:
    """Turn SIGTERM into `Terminated` inside the block, unless somebody else handles it.

    Args:
        owns_process: nobody else has a say in this process. Then it is done whoever handles SIGTERM (submitit only
            notes it), and for the signal by which submitit hears of the end of a job's time, or of a preemption.

    Yields:
        whether that is so.
    """
    free = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if threading.current_thread() is not threading.main_thread() or not (free or owns_process):
        yield False
        return
    with ExitStack() as restored:
        restored.callback(signal.signal, signal.SIGTERM, signal.getsignal(signal.SIGTERM))
        signal.signal(signal.SIGTERM, _leave)
        preemption = getattr(signal, f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}")
        theirs = signal.getsignal(preemption)
        if owns_process and callable(theirs):

            def leave_to_them(number: int, _: FrameType | None) -> NoReturn:
                raise Terminated(number, theirs)

            restored.callback(signal.signal, preemption, theirs)
            signal.signal(preemption, leave_to_them)
        yield True


def _leave(number: int, _: FrameType | None) -> NoReturn:
    raise Terminated(number, None)
