"""Where a search was started: versions, the commit, the command. Loads none of the packages that it names."""

import importlib.metadata
import os
import platform
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

PACKAGES = {"hydra": "hydra-core", "optuna": "optuna", "sklearn": "scikit-learn", "mlflow": "mlflow"}
GIT_SECONDS = 5.0

# Hydra's flags that choose the configuration, so a single run needs them too; each with its value.
CONFIG_FLAGS = ("--config-name", "-cn", "--config-path", "-cp", "--config-dir", "-cd")


def versions() -> dict[str, str]:
    """Return the version of Python, and of each package that is installed."""
    found = {"python": platform.python_version()}
    for name, package in PACKAGES.items():
        try:
            found[name] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def git_state(folder: Path) -> tuple[str | None, bool]:
    """Return the commit, and whether tracked files differ from it; (None, False) outside a repository or without git.

    Files that git does not track are not looked at: a sweep directory would make every tree dirty.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None, False
    return commit, bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))


def program_of(argv: Sequence[str], interpreter: str = "python") -> str:
    """Return the command of a single run of this program, before its overrides.

    Args:
        argv: the program's own arguments, itself first.
        interpreter: how to call Python.
    """
    kept: list[str] = []
    for position, argument in enumerate(argv[1:], start=1):
        if argument in CONFIG_FLAGS:
            kept += argv[position : position + 2]
        elif argument.partition("=")[0] in CONFIG_FLAGS:
            kept.append(argument)
    return shlex.join([*shlex.split(interpreter), argv[0], *kept])


def _git(folder: Path, *arguments: str) -> str | None:
    # a look must not make a running git of the user wait, nor ask for a password
    calm = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(  # noqa: S603  # arguments are ours
            ["git", "-C", str(folder), *arguments],  # noqa: S607  # whichever git the user has
            capture_output=True, text=True, timeout=GIT_SECONDS, check=False, env={**os.environ, **calm},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
