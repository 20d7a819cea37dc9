"""What was searched, how and from where: plain values, kept beside the trials. Loads none of the packages it names."""

import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from hydra_plugins.hydra_search.files import JOURNAL, SEARCH_FACTS, write_aside
from hydra_plugins.hydra_search.urls import masked

PACKAGES = {"hydra": "hydra-core", "optuna": "optuna", "sklearn": "scikit-learn", "mlflow": "mlflow"}
GIT_SECONDS = 5.0

# Hydra's flags that choose the configuration, so a single run needs them too; each with its value.
CONFIG_FLAGS = ("--config-name", "-cn", "--config-path", "-cp", "--config-dir", "-cd")

BranchPath = tuple[tuple[str, str], ...]  # the (key, option) pairs that lead to a branch


@dataclass(frozen=True)
class SpaceRow:
    """One parameter of the space, in one of its places."""

    key: str  # config key, as `model.C`
    name: str  # in Optuna: the key, or `svm/model.C` where branches differ
    written: str  # its range, as a person wrote it
    branch: BranchPath = ()


@dataclass(frozen=True)
class SearchFacts:
    """Everything that the trials themselves don't tell."""

    study_name: str
    directions: tuple[str, ...]  # one per objective, `maximize` or `minimize`
    metrics: tuple[str, ...]  # the objectives' names, as many as directions
    n_trials: int
    n_jobs: int
    directory: str  # the sweep directory as a person types it where the search was started
    command: str = ""  # how the search was started
    program: str = ""  # how a single run is started, to which overrides are added: `python app.py`
    folder: str = ""  # where the search was started: where its commands and relative paths hold
    resume: str = ""  # how to go on with an interrupted search
    extend: str = ""  # how to go on with one whose trials are all over: with more of them
    sampler: str = ""
    pruner: str | None = None  # None: no pruner
    seed: int | None = None
    choices: Mapping[str, str] = field(default_factory=dict)  # config group: chosen option
    space: tuple[SpaceRow, ...] = ()
    fixed: tuple[str, ...] = ()  # override lines that every job got
    redact: tuple[str, ...] = ()  # patterns of keys whose values are secret
    search_keys: tuple[str, ...] = ()  # keys of overrides that only the search reads: best.txt leaves them out
    of_single_run: tuple[str, ...] = ()  # overrides without which the program would search again
    n_jobs_key: str = "hydra.sweeper.n_jobs"  # the key that sets `n_jobs`, as a person overrides it
    max_retries: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    git_commit: str | None = None  # None outside a repository
    git_dirty: bool = False
    started: float = 0.0  # seconds since the epoch
    storage: str = ""  # for reading; holds no password
    address: str = ""  # of its database, a password as the variable that holds it; empty for another storage

    def with_surroundings(self, argv: Sequence[str], interpreter: str = "python") -> "SearchFacts":
        """Return the facts with command, program, versions, commit and time of the search that starts here and now.

        Args:
            argv: the program's own arguments, itself first.
            interpreter: how to call Python.
        """
        commit, dirty = git_state(Path(argv[0]).absolute().parent)
        return replace(
            self, folder=str(Path.cwd()), command=masked(shlex.join([interpreter, *argv])),
            program=program_of(argv, interpreter),
            versions=versions(), git_commit=commit, git_dirty=dirty, started=time.time(),
        )  # fmt: skip

    def save(self, directory: Path) -> None:
        """Write the facts into the sweep directory."""
        write_aside(directory / SEARCH_FACTS, json.dumps(asdict(self), indent=1), private=True)

    def place(self, directory: Path) -> str:
        """Return where the study lives, as `studies.opened` takes it: its database, or the sweep directory's journal.

        Args:
            directory: the sweep directory, which may have been moved.
        """
        databases = [place for place in (self.address, self.storage) if "://" in place]
        return databases[0] if databases else str(directory / JOURNAL)

    @classmethod
    def load(cls, directory: Path) -> "SearchFacts":
        """Read the facts of the search whose sweep directory this is.

        Raises:
            FileNotFoundError: none were saved here.
        """
        content = json.loads((directory / SEARCH_FACTS).read_text(encoding="utf-8"))
        rows = [{**row, "branch": tuple((key, option) for key, option in row["branch"])} for row in content["space"]]
        content["space"] = tuple(SpaceRow(**row) for row in rows)
        for key in ("directions", "metrics", "fixed", "redact", "search_keys", "of_single_run"):
            content[key] = tuple(content.get(key, ()))
        return cls(**content)


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
    """Return the command of a single run of this program, before its overrides. Arguments as `with_surroundings`."""
    kept: list[str] = []
    for position, argument in enumerate(argv[1:], start=1):
        if argument in CONFIG_FLAGS:
            kept += argv[position : position + 2]
        elif argument.partition("=")[0] in CONFIG_FLAGS:
            kept.append(argument)
    return shlex.join([interpreter, argv[0], *kept])


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
