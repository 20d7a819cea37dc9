"""What is private in Python and has no public way: see `tests/hydra_optuna_async_sweeper/search/test_upstream.py`."""

import atexit
import ctypes
import gc
import io
import sys
import threading
from contextlib import suppress
from typing import NoReturn


def leave(status: int) -> NoReturn:
    """End a forked process as `sys.exit` does, but without taking Python's objects apart.

    Threads are waited for; exit handlers are called, those of C libraries too; files that are still open are closed. To
    take all apart would write to every page that is shared with the process it was forked from, and so copy it: with
    MLflow 75 MiB for each worker, and a tenth of a second, at the moment when all of them end. What is not done: a
    `__del__` of an object that lives to the end is not called.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # waits, and ends idle executors
    atexit._run_exitfuncs()
    files = [thing for thing in gc.get_objects() if issubclass(type(thing), io.IOBase)]  # opened since the fork
    files.sort(key=_depth)
    streams = [stream for stream in (sys.stdout, sys.stderr) if stream]
    for end in (*(stream.flush for stream in streams), *(file.close for file in files)):
        with suppress(Exception):  # nobody reads any more, it is closed, or is somebody's own class
            end()
    ctypes.PyDLL(None).exit(status)
    raise SystemExit(status)  # not reached


def _depth(file: io.IOBase) -> int:
    """Order files so that one is closed before those that it writes to."""
    if issubclass(type(file), io.TextIOBase):
        return 0
    return 2 if issubclass(type(file), (io.BufferedWriter, io.BufferedRandom, io.RawIOBase)) else 1
