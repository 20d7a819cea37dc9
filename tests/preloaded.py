"""Starts applications in forks of a process that has imported what they need: a tenth of a second each, not several.

Each is a process of its own with its own `__main__`, arguments, folder and environment, as `python app args` would be.
What it starts is started as always, but for the process that forks a search's workers, for which another fork stands
ready. A test that is about the start of Python itself asks for a new interpreter.
"""

import contextlib
import fcntl
import gc
import importlib
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import IO, Any, NoReturn

from hydra_plugins.hydra_optuna_async_sweeper.search import _process, _processes

MODULES = (
    "hydra", "joblib", "matplotlib.pyplot", "mlflow", "mlflow.tracking", "mlflow.store.tracking.sqlalchemy_store",
    "optuna", "optuna.samplers", "optuna.storages", "pandas", "plotly.graph_objects", "pyarrow",
    "mlflow.sklearn", "sklearn.datasets",
    "sklearn.ensemble", "sklearn.linear_model", "sklearn.model_selection", "sklearn.svm", "sqlalchemy.dialects.sqlite",
)  # fmt: skip
OF_OURS = (
    "hydra_plugins.hydra_optuna_async_sweeper.search._sweep",
    "hydra_plugins.hydra_mlflow_callback.mlflow_callback",
    "hydra_plugins.hydra_search_report.report",
)


class Preloaded:
    """The process that forks, for as long as the tests run."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.preloaded", str(theirs.fileno())],
            env=environ, pass_fds=[theirs.fileno()], start_new_session=True,
        )  # fmt: skip
        theirs.close()
        self._socket, self._answers = ours, ours.makefile("r")

    def ask(self, **question: object) -> Any:
        """Return what the process answers."""
        self._socket.sendall((json.dumps(question) + "\n").encode())
        return json.loads(self._answers.readline())

    def close(self) -> None:
        """End the process; what it forked goes on."""
        self._answers.close()
        self._socket.close()
        self.process.wait(timeout=30)


class PreloadedApp:
    """One application that was started so, with what a `subprocess.Popen` has."""

    def __init__(
        self, by: Preloaded, args: Sequence[str], cwd: Path, env: Mapping[str, str], output: Path, errors: Path
    ) -> None:
        self.args, self._by, self._files = list(args), by, (output, errors)
        self.returncode: int | None = None
        self.stdout = None
        start = {"args": self.args, "cwd": str(cwd), "env": dict(env), "files": [str(output), str(errors)]}
        self.pid: int = by.ask(start=start)

    def poll(self) -> int | None:
        """Return its status, None while it runs."""
        if self.returncode is None:
            self.returncode = self._by.ask(poll=self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises TimeoutExpired."""
        end = time.monotonic() + (timeout or float("inf"))
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout or 0, "\n".join(self.read()))
            time.sleep(0.02)
        return status

    def read(self) -> list[str]:
        """Return what it has printed so far; errors apart if they have a file of their own."""
        return [path.read_text("utf-8", "replace") for path in dict.fromkeys(self._files)]

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end. Returns what it has printed."""
        self.wait(timeout)
        output, *errors = self.read()
        return output, "".join(errors)

    def send_signal(self, number: int) -> None:
        """Send the signal, if it is there."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


def serve(questions: socket.socket) -> None:
    """Fork an application for each question, until nobody asks any more."""
    for name in (*MODULES, *OF_OURS):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    ended: dict[int, int] = {}
    for line in questions.makefile("r"):
        question = json.loads(line)
        if "start" in question:
            answer: int | None = os.fork()
            if answer == 0:
                questions.close()
                become(**question["start"])
        else:
            pid = question["poll"]
            if pid not in ended:
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    ended[pid] = os.waitstatus_to_exitcode(status)
            answer = ended.get(pid)
        questions.sendall((json.dumps(answer) + "\n").encode())


def become(args: list[str], cwd: str, env: dict[str, str], files: list[str]) -> NoReturn:
    """Be the application, to its end."""
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for descriptor, name in zip((1, 2), files, strict=True):
            os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), descriptor)
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__ = text_to(1), text_to(2)
        os.environ.clear()
        os.environ.update(env)
        os.chdir(cwd)
        _processes.start = Ready().start
        sys.argv = args
        sys.path[0] = str(Path(args[0]).parent)
        runpy.run_path(args[0], run_name="__main__")
        status = 0
    except SystemExit as left:
        if left.code is not None and not isinstance(left.code, int):
            sys.stderr.write(f"{left.code}\n")
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
    finally:
        end(status)


class Ready:
    """A fork of the application, made before that begins, for the first process that a search would start."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            self._socket.close()
            stand_ready(theirs)
        theirs.close()

    def start(self, file: IO[bytes], env: Mapping[str, str], *descriptors: int) -> Any:
        """Do as `_process.start`. Returns what can be polled."""
        if self._socket.fileno() == -1:
            return _process.start(file, env, *descriptors)
        with self._socket as to:
            question = json.dumps([dict(env), *descriptors]).encode()
            try:
                socket.send_fds(to, [question], [file.fileno(), *descriptors])
            except BrokenPipeError:  # a test that kills processes of a search has killed the one that stood ready
                return _process.start(file, env, *descriptors)
        return self

    def poll(self) -> int | None:
        """Return its status, None while it runs."""
        if self.returncode is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if done else None
        return self.returncode

    def kill(self) -> None:
        """End it."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def stand_ready(questions: socket.socket) -> NoReturn:
    """Be the process that is asked for, if one is, to its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it has not begun
    status = 1
    try:
        with questions:
            question, received, *_ = socket.recv_fds(questions, 1 << 20, 8)
        if not question:
            os._exit(0)
        env, *numbers = json.loads(question)
        file, *descriptors = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 100) for descriptor in received]
        for descriptor, number in zip(descriptors, numbers, strict=True):
            os.dup2(descriptor, number)
        for descriptor in {*received, *descriptors} - {*numbers}:
            os.close(descriptor)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.modules["__main__"] = ModuleType("__main__")
        os.environ.clear()
        os.environ.update(env)
        status = _process.main(_process.opened(file))
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        end(status)


def end(status: int) -> NoReturn:
    """End as an interpreter does, threads and exit functions included, but don't go back to who has forked."""
    import atexit
    import threading

    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]  # what an interpreter calls at its end
        atexit._run_exitfuncs()
    with contextlib.suppress(BaseException):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def text_to(descriptor: int) -> io.TextIOWrapper:
    """Return a text file that writes at once, as PYTHONUNBUFFERED makes the standard ones."""
    raw = os.fdopen(descriptor, "wb", 0, closefd=False)
    return io.TextIOWrapper(raw, "utf-8", "backslashreplace", line_buffering=True, write_through=True)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
