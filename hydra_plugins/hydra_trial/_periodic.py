"""Something done again and again while a job runs: signs of life, values sent on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
