"""Runs a command in a fresh directory and says how long it took."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.conftest import command, environment  # noqa: E402


@dataclass(frozen=True)
class Measured:
    """What a command took and printed."""

    seconds: float
    output: str
    folder: Path


def measure(arguments: list[str], folder: Path) -> Measured:
    """Run `arguments` in the new directory `folder`; a command that fails ends the benchmark."""
    folder.mkdir(parents=True)
    start = time.perf_counter()
    done = subprocess.run(arguments, cwd=folder, env=environment(), text=True, capture_output=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    return Measured(seconds, done.stdout, folder)


def sweep(kind: str, folder: Path, *overrides: str, mlflow: bool) -> Measured:
    """Measure a search of tests/apps/tracked.py; `kind` is `optuna` or `optuna_async`."""
    config = "config" if kind == "optuna" else "asynchronous"
    off = [] if mlflow else ["hydra.callbacks.mlflow.enabled=false"]
    return measure(command("tracked.py", (f"--config-name={config}", "--multirun", *off, *overrides)), folder)
