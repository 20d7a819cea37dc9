"""Forks workers from a process that has imported what they all need: a tenth of a second each, and that memory once.

The process has done nothing but import, and has one thread: nothing is half done in it when it forks.
"""

import gc
import importlib
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import IO

from hydra_plugins.hydra_search.owner import Owner, of_process

from ._process import Handle, file_of, main, opened

# What may be imported before a fork. A job's own packages may not: for one, CUDA can't be used after it.
FORKABLE = (
    "hydra", "omegaconf", "joblib", "optuna", "alembic", "sqlalchemy", "mlflow", "numpy", "scipy", "sklearn", "pandas",
    *(f"hydra_plugins.hydra_{name}" for name in (
        "joblib_launcher", "mlflow_callback", "optuna_async_sweeper", "optuna_sweeper", "preflight_callback",
        "ray_launcher", "search", "search_report", "submitit_launcher", "trial",
    )),
)  # fmt: skip
FORK, IMPORT, RUNS, UNKNOWN = b"fork", b"import", b"runs", b"unknown"
LONGEST_MESSAGE = 64  # bytes
NOT_FOR_SERVER = (signal.SIGINT, signal.SIGTERM)  # but for the sweeper, and for workers
SECONDS_BETWEEN_LOOKS = 0.01

Start = Callable[[IO[bytes], Mapping[str, str], int], Handle]


class CantFork(Exception):
    """There is no server that forks: the worker needs an interpreter of its own."""


@dataclass
class Forked:
    """A worker that the server has forked and waits for."""

    server: "ForkServer"
    owner: Owner
    status: int | None = None

    def poll(self) -> int | None:
        """Return its status, None while it runs; one that the server did not outlive counts as killed."""
        if self.status is None:
            answer = self.server.ask(str(self.owner.pid).encode())
            if answer in (b"", UNKNOWN):
                self.status = None if self.owner.is_alive() else -signal.SIGKILL
            elif answer != RUNS:
                self.status = int(answer)
        return self.status

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.owner.pid, number)


class ForkServer:
    """The process that forks; a new one where the last one was killed.

    Args:
        start: starts a process, see `_process.start`.
        env: its environment, and that of all workers.
    """

    def __init__(self, start: Start, env: Mapping[str, str]) -> None:
        self._start, self.env = start, env
        self._process: Handle | None = None
        self._socket: socket.socket | None = None
        self._named: set[str] = set()  # the modules that it was told to import

    def fork(self, file: IO[bytes]) -> Forked:
        """Fork a worker, which finds its work in the file.

        Raises:
            CantFork: this is not Linux, where all that is imported can be used after a fork; or the server can't.
        """
        if sys.platform != "linux":
            raise CantFork
        self.preload()
        pid = self.ask(FORK, file.fileno())
        if not pid:
            raise CantFork
        return Forked(self, of_process(int(pid)))

    def preload(self, modules: Iterable[str] = ()) -> None:
        """Start the server, if there is none, and let it import what this process has imported, and these; don't wait.

        Args:
            modules: that are to be imported here as well.
        """
        if self._process is None or self._process.poll() is not None:
            self._begin()
        names = [name for name in (*list(sys.modules), *modules) if is_forkable(name) and name not in self._named]
        self._named.update(names)
        if names and self._socket is not None:
            with file_of(pickle.dumps(names)) as file, suppress(OSError):  # it is gone: to fork will not be possible
                socket.send_fds(self._socket, [IMPORT], [file.fileno()])

    def ask(self, question: bytes, *files: int) -> bytes:
        """Return what the server answers; nothing if it is gone."""
        if self._socket is None:
            return b""
        try:
            socket.send_fds(self._socket, [question], files)
            return self._socket.recv(LONGEST_MESSAGE)
        except OSError:
            return b""
        except BaseException:  # Ctrl-C: the answer, which may still come, is not that of the next question
            self.close()
            raise

    def close(self) -> None:
        """End it; what it has forked goes on."""
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.kill()
            while self._process.poll() is None:
                time.sleep(SECONDS_BETWEEN_LOOKS)
        self._socket = self._process = None
        self._named.clear()

    def _begin(self) -> None:
        self.close()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, file_of(pickle.dumps(partial(serve, theirs.fileno()))) as file:
            self._process = self._start(file, self.env, theirs.fileno())


def is_forkable(module: str) -> bool:
    """Tell whether a module may be imported before a fork."""
    return any(f"{module}.".startswith(f"{package}.") for package in FORKABLE)


def serve(descriptor: int) -> None:
    """Answer questions until nobody is there to ask, and end this process.

    Args:
        descriptor: of the socket. `IMPORT`, with a file of the modules' names, is done and not answered. `FORK`, with
            a file, is answered by a process number; such a number by the status of that process, or by what else is
            known of it.
    """
    for number in NOT_FOR_SERVER:
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=descriptor) as questions:
        while threading.active_count() == 1:
            question, files, *_ = socket.recv_fds(questions, LONGEST_MESSAGE, 1)
            if not question:
                break
            if question == IMPORT:
                _import(files[0])
                continue
            answer = _fork(questions, files[0]) if question == FORK else _status_of(int(question))
            with suppress(OSError):
                questions.send(answer)
    os._exit(0)


def _import(descriptor: int) -> None:
    with opened(descriptor) as file:
        pickle.load(file)  # noqa: S301  # our own: the sweep's arguments
        names: list[str] = pickle.load(file)  # noqa: S301  # our own
    gc.disable()  # what is imported stays: to walk it again and again is a third of the time
    for name in names:
        with suppress(ImportError):  # one that was made, not found
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    gc.enable()


def _fork(questions: socket.socket, descriptor: int) -> bytes:
    """Return the number of a process that works on the file; in that process, end with it."""
    # the server ignores them, so one that came to the fork at once would be forgotten
    before = signal.pthread_sigmask(signal.SIG_BLOCK, NOT_FOR_SERVER)
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(descriptor)
        return str(pid).encode()
    questions.close()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if "numpy" in sys.modules:  # else all workers would draw the same numbers; Python's own generator knows forks
        import numpy as np

        np.random.seed()  # the one that is global
    sys.exit(main(opened(descriptor)))


def _status_of(pid: int) -> bytes:
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return UNKNOWN  # of a server before this one
    return str(os.waitstatus_to_exitcode(status)).encode() if ended else RUNS
