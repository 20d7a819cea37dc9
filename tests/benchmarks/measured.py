"""Runs a command in a fresh directory and says how long it took, and, if asked, how much memory."""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

STAMP = "first_trial"
ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.conftest import command, environment  # noqa: E402


@dataclass(frozen=True)
class Measured:
    """What a command took and printed."""

    seconds: float
    output: str
    folder: Path
    # since the epoch
    started: float = 0.0
    # of all its processes together, what they share counted once; 0 if it was not measured
    peak_memory_mib: float = 0.0

    @property
    def first_trial(self) -> float:
        """The seconds from the start of the command to where the user's function first begins, stamped there."""
        return (self.folder / STAMP).stat().st_mtime - self.started


def measure(arguments: list[str], folder: Path, *, memory: bool = False, env: dict[str, str] | None = None) -> Measured:
    """Run `arguments` in the new directory `folder`; a command that fails ends the benchmark."""
    folder.mkdir(parents=True)
    os.sync()  # else this run would pay for what the one before has written and deleted
    started, start = time.time(), time.perf_counter()
    process = subprocess.Popen(
        arguments, cwd=folder, env=environment(env), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    peak = [0.0]
    if memory:
        threading.Thread(target=watch_memory, args=(process.pid, peak), daemon=True).start()
    output, errors = process.communicate()
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{output}\n{errors}")
    return Measured(seconds, output, folder, started, peak[0])


def watch_memory(pid: int, peak: list[float]) -> None:
    """Note the largest sum of the proportional set sizes of a process and all below it, in MiB."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            total = 0
            for one in [process, *process.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    total += one.memory_full_info().pss
            peak[0] = max(peak[0], total / 2**20)
            time.sleep(0.5)


def sweep(kind: str, folder: Path, *overrides: str, mlflow: bool, memory: bool = False) -> Measured:
    """Measure a search of tests/apps/tracked.py; `kind` is `optuna` or `optuna_async`."""
    config = "config" if kind == "optuna" else "asynchronous"
    off = [] if mlflow else ["hydra.callbacks.mlflow.enabled=false"]
    arguments = command("tracked.py", (f"--config-name={config}", "--multirun", f"stamp={STAMP}", *off, *overrides))
    return measure(arguments, folder, memory=memory, env={"RAY_USAGE_STATS_ENABLED": "0"})
