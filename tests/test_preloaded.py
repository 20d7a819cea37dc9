"""The process that stands ready for a search's first one may be killed by a test, as any process of a search."""

import os
import pickle
import signal
import time
from functools import partial

from hydra_plugins.hydra_optuna_async_sweeper.search._process import file_of
from tests.preloaded import Ready


def test_process_that_stood_ready_and_was_killed_is_replaced_by_a_new_one() -> None:
    ready = Ready()
    os.kill(ready.pid, signal.SIGKILL)
    os.waitpid(ready.pid, 0)
    with file_of(pickle.dumps(partial(os._exit, 7))) as file:
        process = ready.start(file, os.environ)
    end = time.monotonic() + 60
    while (status := process.poll()) is None and time.monotonic() < end:
        time.sleep(0.02)
    assert status == 7
