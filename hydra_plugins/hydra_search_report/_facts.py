"""What was searched: plain values, kept in the sweep directory, so that a report can be made without the search."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ._files import write_aside

FILE_NAME = ".search.json"

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
    # one per objective, `maximize` or `minimize`
    directions: tuple[str, ...]
    # the objectives' names, as many as directions
    metrics: tuple[str, ...]
    n_trials: int
    n_jobs: int
    # the sweep directory as a person types it where the search was started
    directory: str
    # how the search was started
    command: str = ""
    # how a single run is started, to which overrides are added: `python train.py`
    program: str = "python train.py"
    # how to go on with an interrupted search
    resume: str = ""
    sampler: str = ""
    # None: no pruner
    pruner: str | None = None
    seed: int | None = None
    # config group: chosen option
    choices: Mapping[str, str] = field(default_factory=dict)
    space: tuple[SpaceRow, ...] = ()
    # override lines that every job got
    fixed: tuple[str, ...] = ()
    # keys of overrides that only the search reads: best.txt leaves them out
    search_keys: tuple[str, ...] = ()
    max_retries: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    # None outside a repository
    git_commit: str | None = None
    git_dirty: bool = False
    # seconds since the epoch
    started: float = 0.0
    # for reading; holds no password
    storage: str = ""

    def save(self, directory: Path) -> None:
        """Write the facts into the sweep directory."""
        write_aside(directory / FILE_NAME, json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, directory: Path) -> "SearchFacts":
        """Read the facts of the search whose sweep directory this is.

        Raises:
            FileNotFoundError: none were saved here.
        """
        content = json.loads((directory / FILE_NAME).read_text(encoding="utf-8"))
        rows = [{**row, "branch": tuple((key, option) for key, option in row["branch"])} for row in content["space"]]
        content["space"] = tuple(SpaceRow(**row) for row in rows)
        for key in ("directions", "metrics", "fixed", "search_keys"):
            content[key] = tuple(content[key])
        return cls(**content)
