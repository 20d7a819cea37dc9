"""The private names of Python that end a forked worker: it loses nothing that an ordinary process would not."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

LEAVES = """
import atexit, concurrent.futures, ctypes, gc, gzip, sys, threading, time
from hydra_plugins.hydra_optuna_async_sweeper.search._upstream import leave

gc.freeze()  # as before a fork
atexit.register(print, "the first handler is the last")
atexit.register(lambda: 1 / 0)
atexit.register(print, "the handler")
of_c = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: print("a handler of C", file=sys.stderr, flush=True))
ctypes.CDLL(None).__cxa_atexit(of_c, None, None)

def slow():
    time.sleep(0.3)
    print("the thread")

def turn():
    while True:
        pass

threading.Thread(target=slow).start()
threading.Thread(target=turn, daemon=True).start()
idle = concurrent.futures.ThreadPoolExecutor()
idle.submit(print, "the executor").result()

class Heavy:
    def __del__(self):
        print("taken apart")

class Log:
    def __init__(self, path, opened):
        self.file = opened(path, "wt")
        self.itself = self
        self.file.write("all of it")

heavy, logs = Heavy(), [Log("log.txt", open), Log("log.gz", gzip.open)]
print("the end", end="")
ctypes.CDLL(None).printf(b", by C")
leave(7)
"""


def test_process_that_leaves_waits_for_threads_calls_handlers_and_keeps_what_was_written(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    env["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-c", LEAVES], capture_output=True, text=True, timeout=60, env=env, cwd=tmp_path
    )
    expected = "the executor\nthe endthe thread\nthe handler\nthe first handler is the last\n, by C"
    assert (done.returncode, done.stdout) == (7, expected), done.stderr
    assert "ZeroDivisionError" in done.stderr, "as at any exit"
    assert "a handler of C" in done.stderr
    assert (tmp_path / "log.txt").read_text() == "all of it"
    assert gzip.decompress((tmp_path / "log.gz").read_bytes()) == b"all of it"


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
