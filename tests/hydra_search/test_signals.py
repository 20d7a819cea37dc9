import os
import signal
import subprocess
import sys
import threading

import pytest

from hydra_plugins.hydra_search.signals import Terminated, terminable, terminable_worker


def ask(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)
    threading.Event().wait(5)


def test_sigterm_ends_the_block_with_its_status_and_the_old_handler_is_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated) as terminated, terminable(), terminable():
        ask()
    assert terminated.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_block_in_a_thread_changes_no_handler() -> None:
    before, inside = signal.getsignal(signal.SIGTERM), []

    def run() -> None:
        with terminable(), terminable_worker():
            inside.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert inside == [before]


def test_worker_hands_a_preemption_on_to_the_launcher_that_waits_for_it() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR2, lambda number, _: heard.append(number))
    try:
        with pytest.raises(Terminated) as terminated, terminable_worker():
            ask(signal.SIGUSR2)
        assert heard == [], "the worker leaves its trial first"
        terminated.value.hand_on()
        assert heard == [signal.SIGUSR2]
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_worker_of_a_launcher_that_waits_for_no_signal_hears_sigterm_alone() -> None:
    with pytest.raises(Terminated) as terminated, terminable_worker():
        ask()
    terminated.value.hand_on()
    assert signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL


POOLS = """
import multiprocessing
from hydra_plugins.hydra_search.signals import terminable_worker

with terminable_worker():
    for _ in range(100):
        with multiprocessing.get_context("fork").Pool(3) as pool:  # which ends its processes by SIGTERM
            pool.map(abs, range(2))
"""


def test_pools_that_a_worker_forks_and_ends_at_once_end_without_a_word() -> None:
    done = subprocess.run([sys.executable, "-c", POOLS], timeout=120, capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


def test_child_that_a_worker_forks_dies_of_sigterm_as_any_process_and_lets_a_preemption_pass() -> None:
    heard = signal.signal(signal.SIGUSR2, lambda number, _: None)
    try:
        with terminable_worker():
            child = os.fork()
            if child == 0:
                os.kill(os.getpid(), signal.SIGUSR2)
                os.kill(os.getpid(), signal.SIGTERM)
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
            with pytest.raises(Terminated):
                ask()
    finally:
        signal.signal(signal.SIGUSR2, heard)
