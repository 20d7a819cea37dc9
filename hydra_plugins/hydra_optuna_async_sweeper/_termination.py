"""SIGTERM ends a search, or a worker, as Ctrl-C does: what runs is put back."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Terminated(SystemExit):
    """SIGTERM has come."""


@contextmanager
def terminable() -> Iterator[bool]:
    """Turn SIGTERM into `Terminated` inside the block, unless somebody else handles it.

    Yields:
        whether that is so.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield False
        return

    def leave(number: int, _: FrameType | None) -> NoReturn:
        raise Terminated(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield True
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
