"""The records of a search and of its jobs: files in their directories, written before anything is sent to a server."""

import json
import os
import socket
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from ._settings import Settings

JOB_FILE = ".mlflow_run.json"
SEARCH_FILE = ".mlflow_search.json"


@dataclass(frozen=True)
class SearchRecord:
    """What workers, a later resume and a late delivery need to know of a search."""

    run_id: str
    settings: Settings
    # on every run of the search
    tags: dict[str, str] = field(default_factory=dict)
    # keys that the command line fixes for every job of this sweep, as written: with their `+`
    fixed_keys: tuple[str, ...] = ()
    status: str = "RUNNING"
    # finds the parent run again if this process was killed before it could note the run's id
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    def save(self, directory: Path) -> None:
        """Write the record into the sweep directory."""
        directory.mkdir(parents=True, exist_ok=True)
        write_aside(directory / SEARCH_FILE, asdict(self))


def load_search(directory: Path) -> SearchRecord:
    """Read the record of the search whose sweep directory this is.

    Raises:
        FileNotFoundError: no search was recorded here.
    """
    content = json.loads((directory / SEARCH_FILE).read_text(encoding="utf-8"))
    options = content.pop("settings")
    for key in ("metrics", "directions", "exclude_params"):
        options[key] = tuple(options[key])
    content["fixed_keys"] = tuple(content["fixed_keys"])
    return SearchRecord(settings=Settings(**options), **content)


@dataclass
class JobRecord:
    """What MLflow is to know of a job. Times are milliseconds since the epoch, as MLflow's are."""

    name: str
    number: int | None
    start_time: int
    params: dict[str, str]
    tags: dict[str, str]
    # what the search chose for it; of a single job, all of its overrides
    overrides: list[str]
    parent_run_id: str | None = None
    run_id: str | None = None
    artifact_uri: str = ""
    status: str = "RUNNING"
    end_time: int | None = None
    values: list[float] = field(default_factory=list)
    # key, value, time, step
    metrics: list[tuple[str, float, int, int]] = field(default_factory=list)
    error: str | None = None
    pruned: bool = False
    params_sent: bool = False
    sent: bool = False
    # Finds the run again if the server made it but its answer was lost.
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)

    def runs_elsewhere(self) -> bool:
        """Tell whether the job goes on in a process that this search has not started: two may share a directory."""
        if self.host != socket.gethostname() or self.pid == os.getpid():
            return False
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:  # killed, and nobody has asked for its exit status
                return False
            started_before = process.create_time() * 1000 <= self.start_time
            return started_before and os.getpid() not in [parent.pid for parent in process.parents()]
        except psutil.NoSuchProcess:
            return False

    def save(self, directory: Path) -> None:
        """Write the record into the job's output directory."""
        write_aside(directory / JOB_FILE, asdict(self))


def load_job(directory: Path) -> JobRecord:
    """Read the record of the job whose output directory this is."""
    content = json.loads((directory / JOB_FILE).read_text(encoding="utf-8"))
    content["metrics"] = [tuple(metric) for metric in content["metrics"]]
    return JobRecord(**content)


def records_below(directory: Path, parent_run_id: str) -> Iterator[tuple[Path, JobRecord]]:
    """Yield each job's output directory with its record, for the jobs of one search, by number."""
    found = [(path.parent, load_job(path.parent)) for path in directory.rglob(JOB_FILE)]
    mine = [(path, record) for path, record in found if record.parent_run_id == parent_run_id]
    yield from sorted(mine, key=lambda item: (item[1].number or 0, item[1].start_time))


def write_aside(path: Path, content: dict[str, Any]) -> None:  # Any: JSON
    """Write the file under another name and rename it, so that a reader never sees half of it."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    aside.write_text(json.dumps(content), encoding="utf-8")
    aside.replace(path)
