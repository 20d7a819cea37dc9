"""Where the output of a job goes: to the console, or to the trial's own log.

Output is what comes to the file descriptors 1 and 2: what Python prints, and what C code and child processes write.
"""

import ctypes
import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

log = logging.getLogger(__name__)

AUTO, CONSOLE, FILE = JOB_OUTPUT = ("auto", "console", "file")

# What these say while a job runs is about the search: the console has it in any case.
OF_SEARCH = tuple(
    f"hydra_plugins.{package}" for package in ("hydra_optuna_async_sweeper", "hydra_mlflow_callback", "hydra_search")
)


def is_kept(job_output: str, n_jobs: int, apart: bool) -> bool:
    """Tell whether the trial's log gets the output of its job.

    Never where jobs are threads of one process, which has one output.

    Args:
        job_output: the user's choice.
        n_jobs: of the search.
        apart: this process is nothing but a worker.
    """
    wanted = job_output == FILE or (job_output == AUTO and n_jobs > 1 and apart)
    return wanted and threading.current_thread() is threading.main_thread()


@contextmanager
def output_in(default: Path) -> Iterator[Path | None]:
    """Write all output into the log of the job inside the block.

    Yields:
        the log: the file beside `default` that Python's logging writes, else `default` itself. None where it can't be
        written, or this process has no output.
    """
    with ExitStack() as undo:
        log_file = None
        try:
            handler = _handler_beside(default)
            log_file = _redirect(handler, default, undo)
        except OSError as error:
            undo.close()
            log.warning(f"The output of the job can't be kept in {default.parent}: {error}")
        try:
            yield log_file
        except Exception:
            if log_file and not handler:  # with one, the error is logged where all errors of jobs are
                traceback.print_exc()
            raise


def _handler_beside(default: Path) -> logging.FileHandler | None:
    handlers = [handler for handler in logging.getLogger().handlers if isinstance(handler, logging.FileHandler)]
    return next((handler for handler in handlers if Path(handler.baseFilename).parent == default.parent), None)


def _redirect(handler: logging.FileHandler | None, default: Path, undo: ExitStack) -> Path:
    path = Path(handler.baseFilename) if handler else default
    stream = handler.stream if handler else None  # None too where a handler has not opened its file yet
    # that very file, with its place to write at, where logging has it open
    file = os.dup(stream.fileno()) if stream else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    undo.callback(os.close, file)
    consoles = [_Console("stdout", 1), _Console("stderr", 2)]
    for console in consoles:
        undo.callback(console.restore)
    _flush()
    undo.callback(_flush)
    _log_apart(handler, consoles, undo)
    for console in consoles:
        os.dup2(file, console.descriptor)
    if isinstance(sys.stdout, TextIOWrapper) and not sys.stdout.line_buffering:
        sys.stdout.reconfigure(line_buffering=True)  # a process that is killed leaves its last lines
        undo.callback(_buffer, sys.stdout)
    return path


def _buffer(stream: TextIOWrapper) -> None:
    if not stream.closed:
        stream.reconfigure(line_buffering=False)


class _Console:
    """Where a descriptor leads to outside of jobs."""

    def __init__(self, name: str, descriptor: int) -> None:
        self.name, self.descriptor = name, descriptor
        self._kept = os.dup(descriptor)  # no child process inherits it
        self._known = os.fstat(self._kept)
        self.stream = _text(self._kept)
        self.printed: TextIO = getattr(sys, name)  # where Python prints to
        if not self._is_printed():  # as in a notebook
            setattr(sys, name, _text(descriptor))

    def restore(self) -> None:
        """Let the descriptor lead there again, and Python print there, whatever the job has closed."""
        if self._is_kept():
            os.dup2(self._kept, self.descriptor)
            os.close(self._kept)
        else:  # what comes next is no output of this job, and its number may be that of another file by now
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), self.descriptor)
        if not self._is_printed():
            setattr(sys, self.name, self.printed)
        elif self.printed.closed:
            setattr(sys, self.name, _text(self.descriptor))

    def _is_printed(self) -> bool:
        """Tell whether Python itself prints to the descriptor."""
        try:
            return self.printed.closed or self.printed.fileno() == self.descriptor
        except (AttributeError, OSError, ValueError):  # there is none, or it is no file's
            return False

    def _is_kept(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._kept), self._known)
        except OSError:
            return False


def _text(descriptor: int) -> TextIO:
    return os.fdopen(descriptor, "w", buffering=1, errors="backslashreplace", closefd=False)


def _log_apart(handler: logging.FileHandler | None, consoles: Iterable[_Console], undo: ExitStack) -> None:
    """Let what the search says reach the console, and no line that logging writes into the file come there twice."""
    root = logging.getLogger()
    for console in consoles:
        for printing in [one for one in root.handlers if getattr(one, "stream", None) is console.printed]:
            of_search = logging.StreamHandler(console.stream)
            of_search.setLevel(printing.level)
            of_search.setFormatter(printing.formatter)
            of_search.addFilter(lambda record: record.name.startswith(OF_SEARCH))
            root.addHandler(of_search)
            undo.callback(root.removeHandler, of_search)
            if handler and handler.level <= printing.level and not handler.filters:
                root.removeHandler(printing)
                undo.callback(root.addHandler, printing)


@cache
def _c_library() -> ctypes.CDLL:
    """Return what C code prints by; ctypes makes a class for each it opens, which is too much for every job."""
    return ctypes.CDLL(None)


def _flush() -> None:
    """Write what Python and the C library have kept back of the output so far."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # there is none, its disk is full, it is closed
            stream.flush()
    with suppress(AttributeError, OSError, ValueError):  # not this system's name for it
        library = _c_library()
        library.fflush(ctypes.c_void_p.in_dll(library, "stdout"))
