"""The private names of Python that end a forked worker: it loses nothing that an ordinary process would not."""

import os
import subprocess
import sys

LEAVES = """
import atexit, concurrent.futures, threading, time
from hydra_plugins.hydra_optuna_async_sweeper.search._upstream import leave

atexit.register(print, "the first handler is the last")
atexit.register(lambda: 1 / 0)
atexit.register(print, "the handler")

def slow():
    time.sleep(0.3)
    print("the thread")

threading.Thread(target=slow).start()
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
idle = concurrent.futures.ThreadPoolExecutor()
idle.submit(print, "the executor").result()

class Heavy:
    def __del__(self):
        print("taken apart")

heavy = Heavy()
heavy.itself = heavy
print("the end", end="")
leave(7)
"""


def test_process_that_leaves_waits_for_threads_calls_exit_handlers_and_writes_what_it_has_printed() -> None:
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run([sys.executable, "-c", LEAVES], capture_output=True, text=True, timeout=60, env=buffered)
    expected = "the executor\nthe endthe thread\nthe handler\nthe first handler is the last\n"
    assert (done.returncode, done.stdout) == (7, expected), done.stderr
    assert "ZeroDivisionError" in done.stderr, "as at any exit"


def test_process_that_leaves_when_nobody_reads_any_more_has_its_status() -> None:
    lines = """
import sys
from hydra_plugins.hydra_optuna_async_sweeper.search._upstream import leave
sys.stdin.read()
sys.stdout = open(1, "w")  # with a buffer
print("lost")
sys.stderr.close()
leave(7)
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", lines], **pipes) as process:
        assert process.stdout and process.stdin
        process.stdout.close()
        process.stdin.close()
        assert process.wait(60) == 7
