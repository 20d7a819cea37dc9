"""The records of a search and of its jobs: files in their directories, written before anything is sent to a server."""

import json
import logging
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from hydra_plugins.hydra_search.files import JOB_RECORD, SEARCH_RECORD, write_aside
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.results import Attempt, load_violation, reason_of_loss
from hydra_plugins.hydra_search.urls import kept, known

from .config import Settings

log = logging.getLogger(__name__)

# The tag of a job's run that holds its record's key.
JOB_KEY = "hydra.job.key"


@dataclass(frozen=True)
class SearchRecord:
    """What workers, a later resume and a late delivery need to know of a search."""

    run_id: str
    settings: Settings
    tags: dict[str, str] = field(default_factory=dict)  # on every run of the search
    # keys that the command line fixes for every job of this sweep, as written: with their `+`
    fixed_keys: tuple[str, ...] = ()
    status: str = "RUNNING"
    # its status when this sweep came to it; None if its run was made for this sweep
    before: str | None = None
    # finds the parent run again if this process was killed before it could note the run's id
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    # the process of this sweep; several sweeps, at once or one after another, may share a search
    sweep: Owner | None = None
    sweeps: tuple[Owner, ...] = ()  # all that were under way when one was begun or ended

    def others(self) -> tuple[Owner, ...]:
        """Return the other sweeps of the search that can be seen from here and go on."""
        return tuple(one for one in self.sweeps if one != Owner.me() and one.is_here() and one.is_alive())

    def goes_on(self) -> bool:
        """Tell whether a sweep may still work on the search: none that can be seen from here and is gone."""
        sweeps = self.sweeps or ((self.sweep,) if self.sweep else ())
        gone = bool(sweeps) and all(one.is_here() and not one.is_alive() for one in sweeps)
        return self.status == "RUNNING" and not gone

    def save(self, directory: Path) -> None:
        """Write the record into the sweep directory."""
        directory.mkdir(parents=True, exist_ok=True)
        content = asdict(self)
        content["settings"]["tracking_uri"] = kept(self.settings.tracking_uri)
        write_aside(directory / SEARCH_RECORD, json.dumps(content), private=True)


def load_search(directory: Path) -> SearchRecord:
    """Read the record of the search whose sweep directory this is.

    Raises:
        FileNotFoundError: no search was recorded here.
    """
    content = json.loads((directory / SEARCH_RECORD).read_text(encoding="utf-8"))
    options = content.pop("settings")
    options["tracking_uri"] = known(options["tracking_uri"])
    for key in ("metrics", "directions", "exclude_params", "redact", "artifacts"):
        options[key] = tuple(options.get(key, ()))
    content["fixed_keys"] = tuple(content["fixed_keys"])
    content["sweep"] = Owner.of_attribute(content.get("sweep"))
    sweeps = map(Owner.of_attribute, content.get("sweeps", ()))
    content["sweeps"] = tuple(sweep for sweep in sweeps if sweep)
    return SearchRecord(settings=Settings(**options), **content)


@dataclass
class JobRecord:
    """What MLflow is to know of a job. Times are milliseconds since the epoch, as MLflow's are."""

    name: str
    number: int | None
    start_time: int
    params: dict[str, str]
    tags: dict[str, str]
    overrides: list[str]  # what the search chose for it; of a single job, all of its overrides
    parent_run_id: str | None = None
    place: str | None = None  # of its directory in the sweep's; None in files of an older version
    run_id: str | None = None
    artifact_uri: str = ""
    status: str = "RUNNING"
    end_time: int | None = None
    values: list[float] = field(default_factory=list)
    metrics: list[tuple[str, float, int, int]] = field(default_factory=list)  # key, value, time, step
    confirms: int | None = None  # the number of the trial whose parameters it runs again, to confirm it
    violation: float = 0.0  # of the constraints, in sum; noted by the sweeper after the job's end
    error: str | None = None
    pruned: bool = False
    is_masked: bool = False  # in its configuration
    is_asked_for: bool = False  # its run, whose making may have gone unheard
    params_sent: bool = False
    sent: bool = False
    is_kept: bool = False  # one of the best, whose files go too where only those of the best do
    # Finds the run again if the server made it but its answer was lost.
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    owner: Owner = field(default_factory=Owner.me)  # the process that it runs in, and the one of its sweep
    sweep: Owner | None = None

    @property
    def attempt(self) -> Attempt:
        """To what the files belong that a sweeper has left for this job."""
        return Attempt(self.owner, self.number)

    def takes_files(self, settings: Settings) -> bool:
        """Tell whether artifacts and model of the job go with it; those of a job that is no search's always do."""
        return self.parent_run_id is None or settings.n_kept is None or self.is_kept

    def save(self, directory: Path) -> None:
        """Write the record into the job's output directory."""
        content = vars(self) | {"owner": asdict(self.owner), "sweep": self.sweep and asdict(self.sweep)}
        write_aside(directory / JOB_RECORD, json.dumps(content))


def load_job(directory: Path) -> JobRecord:
    """Read the record of the job whose output directory this is."""
    content = json.loads((directory / JOB_RECORD).read_text(encoding="utf-8"))
    content["metrics"] = [tuple(metric) for metric in content["metrics"]]
    content.setdefault("is_asked_for", True)  # perhaps, by an older version
    if "owner" not in content:  # an older version's, which does not say when the process began: here, it is gone
        content["owner"] = {"host": content.pop("host"), "pid": content.pop("pid"), "started": 0.0}
    content["owner"], content["sweep"] = Owner.of_attribute(content["owner"]), Owner.of_attribute(content.get("sweep"))
    return JobRecord(**content)


def goes_on(record: JobRecord, directory: Path, search: SearchRecord) -> bool:
    """Tell at the end of a sweep whether somebody may still work on a job: two machines may share a search.

    A job that has not ended is over if its trial was closed as lost; here, if its process is gone, or is this one or
    one that this one has started; on another host, if it is of this very sweep and the launcher has returned.
    """
    if record.status != "RUNNING" or reason_of_loss(directory, record.attempt) is not None:
        return False
    if record.owner.is_here():
        return is_left_to(record)
    return search.status != "FINISHED" or record.sweep is None or record.sweep != search.sweep


def is_left_to(record: JobRecord) -> bool:
    """Tell whether another sweep's process is there to deliver the record, perhaps at this very moment."""
    return record.owner.is_here() and record.owner.is_alive() and not record.owner.is_mine()


def is_refused(record: JobRecord, directory: Path) -> bool:
    """Tell whether a job has finished too late: its study had closed the trial as lost."""
    return record.status == "FINISHED" and reason_of_loss(directory, record.attempt) is not None


def records_below(directory: Path, parent_run_id: str) -> Iterator[tuple[Path, JobRecord]]:
    """Yield each job's output directory with its record, for the jobs of one search, by number.

    A record that lies elsewhere than it was written is that of a copied directory.
    """
    found = [(path.parent, _readable(path)) for path in directory.rglob(JOB_RECORD)]
    mine = [(path, record) for path, record in found if record and record.parent_run_id == parent_run_id]
    originals = [(path, record) for path, record in mine if record.place is None or directory / record.place == path]
    for path, record in originals:
        record.violation = load_violation(path, record.attempt) if record.status == "FINISHED" else 0.0
    yield from sorted(originals, key=lambda item: (item[1].number or 0, item[1].start_time))


def _readable(path: Path) -> JobRecord | None:
    try:
        return load_job(path.parent)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:  # damaged: cut off, or made by hand
        _say_damaged(path, f"{type(error).__name__}: {error}")
        return None


@cache  # the records are read again and again
def _say_damaged(path: Path, reason: str) -> None:
    log.warning("%s can't be read, and its job is not recorded: %s", path, reason)
