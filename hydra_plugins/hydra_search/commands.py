"""Commands that are printed for the user: they work in the shell where this one was typed, and from any folder."""

import shlex
import shutil
import sys
from pathlib import Path


def interpreter() -> str:
    """Return how to call this Python: `python` where that is the one, in an active environment; else its path."""
    return "python" if shutil.which("python") == sys.executable else sys.executable


def module_command(module: str, *paths: Path) -> str:
    """Return the command that runs a module of this environment on these files."""
    return shlex.join([interpreter(), "-m", module, *(str(path.absolute()) for path in paths)])
