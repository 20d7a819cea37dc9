"""What a search is busy with while nothing is seen of it: said in the log, once it takes longer than two seconds."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

SECONDS_OF_SILENCE = 2.0

_said: set[str] = set()


@contextmanager
def said_if_slow(what: str) -> Iterator[None]:
    """Log what the block does, like `Importing MLflow`, if it takes longer than two seconds; once in a process."""
    timer = threading.Timer(SECONDS_OF_SILENCE, say_once, [what])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # so that nothing is said of a block that has ended


def say_once(what: str) -> None:
    """Log what takes its time, if that was not said before."""
    if what not in _said:
        _said.add(what)
        log.info("%s ...", what)
