"""Commands that are printed for the user, who may read them in another folder; and paths, as the user types them."""

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


def as_typed(path: str) -> str:
    """Write a path as a person would type it where this command was started."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if path.startswith(f"{here}/") else path
