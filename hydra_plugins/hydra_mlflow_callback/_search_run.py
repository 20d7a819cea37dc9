"""The parent run of a search: opened before the first job, shown while it runs, closed with what the search found."""

import dataclasses
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from hydra_plugins.hydra_search.commands import module_command
from hydra_plugins.hydra_search.errors import Undelivered, one_line
from hydra_plugins.hydra_search.files import SEARCH_RECORD
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.secret_sources import secrets_of
from hydra_plugins.hydra_search.secrets import say_masked
from hydra_plugins.hydra_search.settings import read_command_line
from hydra_plugins.hydra_search.urls import masked

from ._backlog import deliver_each, mark_kept
from ._client import client_for, connect, ui_command
from ._end import end_of_lost
from ._job_run import conclude
from ._parent import LOCK_FILE, close_parent, end_run, parent_of
from ._payload import now, shorten
from ._reach import beside_a_job, is_gone, is_there
from ._record import JobRecord, SearchRecord, goes_on, is_left_to, is_refused, load_search, records_below
from ._summary import best_curve, counted
from ._values import log_values
from .config import Settings

if TYPE_CHECKING:
    from omegaconf import DictConfig

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 5.0
# Reading the records of a large search takes its time: at most this share of it.
SHARE = 0.05
# A job that ended before another one may be heard of after it, and would change the points that follow.
SETTLED_AFTER = 2.0


def open_search(settings: Settings, config: "DictConfig") -> SearchRecord:
    """Open the parent run; a search that goes on in its old directory goes on under its old parent."""
    from mlflow.tracking.context.registry import resolve_tags

    client = connect(settings)
    directory = Path(config.hydra.sweep.dir).absolute()
    # The same user, program and commit for every run: in a worker, MLflow would name the launcher's own script.
    secrets = secrets_of(config)
    tags = {str(key): secrets.of_key(str(key), str(tag)) for key, tag in resolve_tags(dict(settings.tags)).items()}
    say_masked(secrets.keys)
    directory.mkdir(parents=True, exist_ok=True)
    with FileLock(directory / LOCK_FILE):  # two sweeps that begin one search at once have one parent
        old, me = _known_search(settings, directory), Owner.me()
        search = old or SearchRecord(run_id="", settings=settings)
        search = dataclasses.replace(
            search, settings=settings, tags=tags, fixed_keys=fixed_keys(config), status="RUNNING",
            before=old.status if old else None, sweep=me, sweeps=(*search.others(), me),
        )  # fmt: skip
        search.save(directory)  # with its key, by which a run is found again if this process is killed right here
        known = search.run_id
        search, _ = parent_of(client, search, directory, is_new=old is None)
        if known == search.run_id:
            client.update_run(known, status="RUNNING")
    return search


def _known_search(settings: Settings, directory: Path) -> SearchRecord | None:
    try:
        known = load_search(directory)
    except FileNotFoundError:
        return None
    same = (masked(known.settings.tracking_uri), known.settings.experiment_id)
    return known if same == (masked(settings.tracking_uri), settings.experiment_id) else None


def fixed_keys(config: "DictConfig") -> tuple[str, ...]:
    """Return the keys that the command line sets for the whole search, as written there: `+key` with its `+`."""
    return tuple(key for key, override in read_command_line(config).items() if not override.is_sweep_override())


class LiveCurve:
    """Sends the points of the best value while the search runs. What it can't send, the search's end does."""

    def __init__(self, search: SearchRecord, directory: Path) -> None:
        self.search = search
        self.directory = directory
        self._n_sent = 0
        self._not_before = 0.0

    def show(self) -> None:
        """Send what is new, unless the last look was expensive and is not long ago."""
        start = time.monotonic()
        if start < self._not_before:
            return
        latest = now() - SETTLED_AFTER * 1000
        records = [record for _, record in records_below(self.directory, self.search.run_id)]
        points = best_curve([r for r in records if (r.end_time or latest + 1) <= latest], self.search.settings)
        try:
            uri = self.search.settings.tracking_uri
            with FileLock(self.directory / LOCK_FILE, timeout=0), beside_a_job(uri):
                if points[self._n_sent :]:
                    log_values(client_for(self.search.settings), self.search.run_id, points[self._n_sent :])
                self._n_sent = len(points)
        except Exception as error:  # whatever a server or a network raises, or another sweep writes: the end says it
            log.debug("MLflow can't take the curve now: %s", error)
        self._not_before = start + (time.monotonic() - start) / SHARE


def close_search(search: SearchRecord, directory: Path, status: str, seconds: float | None = None) -> None:
    """Say how many jobs ended how, and reconcile MLflow with the records. A job that goes on elsewhere is left alone.

    Of several sweeps of the search that end at once, one after the other writes to the parent; the last one ends it.

    Args:
        search: as it was opened.
        directory: the sweep's.
        status: how the sweep ended.
        seconds: how long the delivery may take. None: as long as it takes.

    Raises:
        Undelivered: MLflow can't be reached, or did not take all in time; calling this again later delivers the rest.
    """
    with FileLock(directory / LOCK_FILE):
        others = load_search(directory).others() if (directory / SEARCH_RECORD).exists() else ()
        _close(dataclasses.replace(search, status=status, sweeps=others), directory, seconds)


def _close(search: SearchRecord, directory: Path, seconds: float | None) -> None:
    client = connect(search.settings)
    jobs: list[tuple[Path, JobRecord]] = []
    try:
        search.save(directory)
        jobs = _ended_jobs(search, directory)
        log.info(counted([record for _, record in jobs]))
        before = search
        search, run = parent_of(client, search, directory)
        jobs = jobs if search.run_id == before.run_id else _ended_jobs(search, directory)
        mark_kept(search, jobs)
        # This sweep's workers have all ended, though their processes may be there: Ray keeps them.
        left = [(p, job) for p, job in jobs if not job.sent and (job.sweep == search.sweep or not is_left_to(job))]
        trouble = deliver_each(search, left, seconds)
        close_parent(search, run, [record for _, record in jobs], directory)
        if trouble:
            raise trouble
    except Exception as failure:  # anything a server or a network can raise: the records stay on disk
        answers = is_there(client, search.run_id)
        if answers and not is_gone(client, search.run_id):
            end_run(client, search)  # whatever it was that failed: no run is left RUNNING
        raise Undelivered(_what_is_missing(search, directory, jobs, failure, answers)) from failure
    log.info("Look at the runs: %s", ui_command(search.settings))


def _ended_jobs(search: SearchRecord, directory: Path) -> list[tuple[Path, JobRecord]]:
    """Return the records of all jobs that nobody works on; one whose process is gone gets its end here."""
    jobs = [(path, job) for path, job in records_below(directory, search.run_id) if not goes_on(job, path, search)]
    for path, record in jobs:
        if record.status == "RUNNING" or is_refused(record, path):
            record.sent = False
            conclude(search.settings, record, path, end_of_lost(path, record))
            record.save(path)
    return jobs


def _what_is_missing(
    search: SearchRecord, directory: Path, jobs: Sequence[tuple[Path, JobRecord]], failure: Exception, answers: bool
) -> str:
    unsent = sum(not record.sent for _, record in jobs)
    uri, reason = masked(search.settings.tracking_uri), shorten(masked(one_line(failure)), 200)
    state = "did not take everything" if answers else "can't be reached"
    return (
        f"MLflow at {uri} {state}: the parent run and {unsent} of {len(jobs)} jobs are not up to date there "
        f"({reason}).\nNothing is lost. When it is back: "
        f"{module_command('hydra_plugins.hydra_mlflow_callback', directory)}"
    )
