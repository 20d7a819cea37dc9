"""A process that is given its work in a nameless file, and leaves there in its place what the work returns."""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Protocol

from hydra.core.utils import JobReturn

from hydra_plugins.hydra_search.errors import SearchError

from ..worker._timeout import STATUS

INTERRUPTED, FAILED = 128 + signal.SIGINT, 70  # how a process ends by Ctrl-C, and by an error that it has left in words

# Nothing of ours can be imported before the path is the sweep's. `__main__` is not run again: what it defines travels
# by value.
BOOTSTRAP = f"""
import pickle, sys
file = open(int(sys.argv[1]), "r+b")
sys.path[:] = pickle.load(file)
from {__name__} import main
sys.exit(main(file))
"""


class WorkerDied(SearchError):
    """The process of a worker has ended before its work."""


class WorkerTimedOut(WorkerDied):
    """The process of a worker was ended with a job that took too long; its trial has failed."""


class Handle(Protocol):
    """A process that was started: what is needed of a `subprocess.Popen`."""

    def poll(self) -> int | None:
        """Return its status, None while it runs; it is waited for, so that its number is nobody's any more."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


@dataclass
class Process:
    """A worker that was started, and its file."""

    handle: Handle
    file: IO[bytes]

    def returned(self) -> JobReturn:
        """Return what the ended process has left.

        Raises:
            WorkerDied: nothing.
            WorkerTimedOut: nor could it.
        """
        status = self.handle.poll() or 0
        with self.file:
            self.file.seek(0)
            left = self.file.read()
        if status == FAILED:
            raise WorkerDied(left.decode())
        if status == STATUS:
            raise WorkerTimedOut
        if status == 0:
            with suppress(EOFError, pickle.UnpicklingError):  # a job has ended the process by itself
                returned: JobReturn = pickle.loads(left)  # noqa: S301  # our own
                return returned
        raise WorkerDied(f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}")


def file_of(work: bytes) -> IO[bytes]:
    """Return a nameless file with this work: pickled, what returns the bytes to leave. In memory, where that can be."""
    if sys.platform == "linux":
        file: IO[bytes] = os.fdopen(os.memfd_create("work"), "w+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115  # whose it is closes it
    pickle.dump(sys.path, file)
    pickle.dump(sys.argv, file)
    file.write(work)
    file.seek(0)
    return file


def start(file: IO[bytes], env: Mapping[str, str], *descriptors: int) -> "subprocess.Popen[bytes]":
    """Start a process of its own, a new interpreter.

    Args:
        file: with its work, see `file_of`.
        env: its environment.
        descriptors: what else it inherits.
    """
    command = [sys.executable, "-c", BOOTSTRAP, str(file.fileno())]
    return subprocess.Popen(command, env=env, pass_fds=[file.fileno(), *descriptors])  # noqa: S603  # our own code


def opened(descriptor: int) -> IO[bytes]:
    """Return the file, open for `main`, and take the sweep's path from it, as `BOOTSTRAP` does."""
    file = open(descriptor, "r+b")  # noqa: SIM115  # `main` closes it
    sys.path[:] = pickle.load(file)  # noqa: S301  # our own
    return file


def main(file: IO[bytes]) -> int:
    """Do the work in the file, behind the path. Returns the status with which the process is to end."""
    with file:
        try:
            sys.argv[:] = pickle.load(file)  # noqa: S301  # our own
            work = pickle.load(file)  # noqa: S301  # our own
            file.seek(0)
            file.truncate()
            returned, status = work(), 0
        except KeyboardInterrupt:
            return INTERRUPTED
        except Exception as error:
            returned, status = f"{type(error).__name__}: {error}".encode(), FAILED
        file.seek(0)
        file.truncate()
        file.write(returned)
    return status
