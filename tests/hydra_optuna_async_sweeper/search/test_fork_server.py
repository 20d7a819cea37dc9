"""The process that forks workers, and what becomes of them when it, or one of them, is killed."""

import importlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import cloudpickle
import numpy as np
import psutil
import pytest

from hydra_plugins.hydra_optuna_async_sweeper.search import _fork_server
from hydra_plugins.hydra_optuna_async_sweeper.search._fork_server import CantFork, Forked, ForkServer, is_forkable
from hydra_plugins.hydra_optuna_async_sweeper.search._process import (
    FAILED,
    INTERRUPTED,
    Process,
    WorkerDied,
    file_of,
    start,
)
from tests.conftest import wait_for

Fork = Callable[[Callable[[], object]], Process]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServer]:
    """A server that imports little of the much that other tests have loaded."""
    monkeypatch.setattr(_fork_server, "FORKABLE", ("numpy", "sqlite3"))
    monkeypatch.setitem(sys.modules, "sqlite3", importlib.import_module("sqlite3"))
    server = ForkServer(start, os.environ)
    yield server
    server.close()


@pytest.fixture
def fork(server: ForkServer) -> Iterator[Fork]:
    """Fork a worker, which returns what the function does; whatever is left of it is ended."""
    with ExitStack() as left:

        def fork(work: Callable[[], object]) -> Process:
            file = left.enter_context(file_of(cloudpickle.dumps(lambda: cloudpickle.dumps(work()))))
            worker = Process(server.fork(file), file)
            left.callback(worker.handle.kill)
            return worker

        yield fork


def status(process: Process) -> int:
    wait_for(lambda: process.handle.poll() is not None, 60, "the worker to end")
    return process.handle.poll() or 0


def server_of(process: Process) -> psutil.Process:
    assert isinstance(process.handle, Forked)
    parent = psutil.Process(process.handle.owner.pid).parent()
    assert parent is not None
    return parent


def test_workers_are_forks_of_one_child_that_has_imported_and_each_draws_numbers_of_its_own(fork: Fork) -> None:
    def look() -> tuple[int, object, float, float, bool]:
        handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        usual = handlers == (signal.default_int_handler, signal.SIG_DFL)
        return os.getppid(), sys.modules.get("sqlite3"), random.random(), float(np.random.rand()), usual

    def look_without_module() -> tuple[int, bool, float, float, bool]:
        parent, module, one, other, usual = look()
        return parent, module is not None, one, other, usual

    workers = [fork(look_without_module) for _ in range(3)]
    assert [status(worker) for worker in workers] == [0, 0, 0]
    seen = [worker.returned() for worker in workers]
    parents, imported, own, numpys, usual = (set(column) for column in zip(*seen, strict=True))  # type: ignore[call-overload]
    assert len(parents) == 1 and os.getpid() not in parents and psutil.Process(*parents).ppid() == os.getpid()
    assert imported == {True} and usual == {True}
    assert len(own) == len(numpys) == 3


def exits() -> NoReturn:
    sys.exit(3)


def interrupted() -> NoReturn:
    raise KeyboardInterrupt


def fails() -> NoReturn:
    raise ValueError("no licence")


@pytest.mark.parametrize(("work", "expected"), [(exits, 3), (interrupted, INTERRUPTED), (fails, FAILED)])
def test_status_of_a_fork_is_that_of_a_process(fork: Fork, work: Callable[[], object], expected: int) -> None:
    worker = fork(work)
    assert status(worker) == expected
    words = {
        3: "ended with status 3",
        INTERRUPTED: f"ended with status {INTERRUPTED}",
        FAILED: "ValueError: no licence",
    }
    with pytest.raises(Exception, match=words[expected]):
        worker.returned()


def test_job_that_ends_the_process_with_status_0_has_returned_nothing(fork: Fork) -> None:
    worker = fork(lambda: os._exit(0))
    assert status(worker) == 0
    with pytest.raises(WorkerDied, match="ended with status 0"):
        worker.returned()


def test_fork_is_ended_as_a_process_is(fork: Fork) -> None:
    workers = [fork(lambda: time.sleep(60)) for _ in range(2)]
    assert [worker.handle.poll() for worker in workers] == [None, None]
    workers[0].handle.terminate()
    workers[1].handle.kill()
    assert [status(worker) for worker in workers] == [-signal.SIGTERM, -signal.SIGKILL]
    workers[0].handle.terminate()
    assert workers[0].handle.poll() == -signal.SIGTERM


def test_fork_that_is_told_to_end_before_it_has_begun_ends(monkeypatch: pytest.MonkeyPatch, fork: Fork) -> None:
    monkeypatch.setattr(_fork_server, "FORKABLE", ("tests.late_fork",))
    monkeypatch.setitem(sys.modules, "tests.late_fork", ModuleType("tests.late_fork"))  # the server imports it
    worker = fork(lambda: time.sleep(5))
    worker.handle.terminate()
    assert status(worker) == -signal.SIGTERM


def test_signals_to_the_whole_group_leave_the_server_there(fork: Fork) -> None:
    of_server = server_of(fork(lambda: time.sleep(60)))
    for number in (signal.SIGINT, signal.SIGTERM):
        of_server.send_signal(number)
    worker = fork(lambda: 7)
    assert status(worker) == 0 and of_server.is_running()


def test_worker_outlives_a_killed_server_and_the_next_one_has_a_new_server(fork: Fork, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    def wait() -> int:
        while not gate.exists():
            time.sleep(0.05)
        return 7

    before = fork(wait)
    killed = server_of(before)
    killed.kill()
    wait_for(lambda: not killed.is_running() or killed.status() == psutil.STATUS_ZOMBIE, 10, "the server to be gone")
    assert before.handle.poll() is None
    after = fork(wait)
    assert server_of(after).pid != killed.pid
    assert before.handle.poll() is None, "the new server does not know it"
    gate.touch()
    assert status(after) == 0 and after.returned() == 7
    assert status(before) == -signal.SIGKILL, "nobody knows how it ended"


def test_server_ends_when_nobody_is_there_to_ask_and_its_workers_go_on(server: ForkServer, fork: Fork) -> None:
    worker = fork(lambda: time.sleep(60))
    of_server = server_of(worker)
    server.close()
    wait_for(lambda: not of_server.is_running() or of_server.status() == psutil.STATUS_ZOMBIE, 10, "the server's end")
    assert worker.handle.poll() is None
    worker.handle.kill()
    assert status(worker) == -signal.SIGKILL


def test_server_in_which_an_import_has_started_a_thread_does_not_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fork: Fork
) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=[9]).start()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "threaded", sys)
    monkeypatch.setattr(_fork_server, "FORKABLE", ("threaded",))
    with pytest.raises(CantFork):
        fork(lambda: 7)


def test_where_forks_are_not_safe_there_is_none(monkeypatch: pytest.MonkeyPatch, fork: Fork) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    before = psutil.Process().children()
    with pytest.raises(CantFork):
        fork(lambda: 7)
    assert psutil.Process().children() == before


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("optuna", True),
        ("sklearn.ensemble._forest", True),
        ("hydra_plugins.hydra_search.owner", True),
        ("hydra_plugins.hydra_search_report.report", True),
        ("hydra_plugins.hydra_ray_launcher._config", True),
        ("hydra_plugins.hydra_somebody.launcher", False),
        ("hydra_plugins.sklearn_training.data", False),
        ("torch", False),
        ("numpy_financial", False),
        ("__main__", False),
    ],
)
def test_only_what_can_be_used_after_a_fork_is_imported_before_it(module: str, expected: bool) -> None:
    assert is_forkable(module) is expected


def test_module_that_is_named_before_the_first_worker_is_imported_for_all_of_them(
    server: ForkServer, fork: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_fork_server, "FORKABLE", ("numpy", "wave", "chunk"))
    assert "wave" not in sys.modules
    server.preload(["wave", "this_is_no_module", "xmlrpc"])
    server.preload(["wave"])
    worker = fork(lambda: ("wave" in sys.modules, "xmlrpc" in sys.modules, "numpy" in sys.modules))
    assert status(worker) == 0
    assert cloudpickle.loads(_left(worker)) == (True, False, True)


def _left(worker: Process) -> bytes:
    worker.file.seek(0)
    return worker.file.read()
