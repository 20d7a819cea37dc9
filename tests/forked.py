"""Runs applications in forks of a process that has imported what they need: a tenth of a second each, not several."""

import contextlib
import os
import runpy
import subprocess
import sys
import time
import traceback
from pathlib import Path

from tests.conftest import APPS, ROOT

MODULES = ("hydra", "matplotlib", "optuna", "pandas", "mlflow", "plotly", "pyarrow", "sklearn.ensemble", "sqlalchemy")
SECONDS = 60


def run_forked(folder: Path, app: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run an application in `folder`, as `python app args` would; its output is kept out of the folder."""
    for module in MODULES:
        __import__(module)
    outputs = [folder.parent / f"{folder.name}.{name}" for name in ("out", "err")]
    child = os.fork()
    if child == 0:
        _become(folder, app, args, outputs)
    return subprocess.CompletedProcess(
        [app, *args], _status(child), *(path.read_text("utf-8", "replace") for path in outputs)
    )


def _become(folder: Path, app: str, args: tuple[str, ...], outputs: list[Path]) -> None:
    status = 1
    try:
        os.setsid()
        for descriptor, path in zip((1, 2), outputs, strict=True):
            os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), descriptor)
        sys.stdout, sys.stderr = (os.fdopen(os.dup(n), "w", 1, "utf-8", "backslashreplace") for n in (1, 2))
        os.chdir(folder)
        script = ROOT / app if app == "train.py" else APPS / app
        sys.argv = [str(script), *args]
        sys.path.insert(0, str(script.parent))
        runpy.run_path(str(script), run_name="__main__")
        status = 0
    except SystemExit as left:
        if isinstance(left.code, str):
            sys.stderr.write(f"{left.code}\n")
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _status(child: int) -> int:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, 9)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
