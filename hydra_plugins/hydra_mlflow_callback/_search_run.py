"""The parent run of a search: opened before the first job, shown while it runs, closed with what the search found."""

import dataclasses
import logging
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from hydra_plugins.hydra_search.commands import module_command
from hydra_plugins.hydra_search.errors import Undelivered, one_line
from hydra_plugins.hydra_search.files import SEARCH_RECORD, SUMMARY
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.secret_sources import secrets_of
from hydra_plugins.hydra_search.secrets import say_masked
from hydra_plugins.hydra_search.settings import read_command_line
from hydra_plugins.hydra_search.urls import masked
from hydra_plugins.hydra_search.wishes import heard_in

from ._backlog import deliver_each, mark_kept
from ._client import client_for, connect, ui_command
from ._delivery import Parcel, say_left_out, upload_files
from ._end import end_of_lost
from ._job_run import conclude
from ._parent import LOCK_FILE, parent_of
from ._payload import MAX_TAG_LENGTH, clean_key, clean_text, now, shorten
from ._reach import beside_a_job, is_gone, is_there
from ._record import JOB_KEY, JobRecord, SearchRecord, goes_on, is_left_to, is_refused, load_search, records_below
from ._summary import Summary, best_curve, counted, summarize
from ._upload import files_of, secrets_left_in
from ._values import log_values
from .config import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
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
        search = parent_of(client, search, directory, is_new=old is None)
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
        search, before = parent_of(client, search, directory), search
        jobs = jobs if search.run_id == before.run_id else _ended_jobs(search, directory)
        mark_kept(search, jobs)
        # This sweep's workers have all ended, though their processes may be there: Ray keeps them.
        left = [(p, job) for p, job in jobs if not job.sent and (job.sweep == search.sweep or not is_left_to(job))]
        trouble = deliver_each(search, left, seconds)
        close_parent(search, [record for _, record in jobs], directory)
        if trouble:
            raise trouble
    except Exception as failure:  # anything a server or a network can raise: the records stay on disk
        answers = is_there(client, search.run_id)
        if answers and not is_gone(client, search.run_id):
            _end_run(client, search)  # whatever it was that failed: no run is left RUNNING
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


def close_parent(search: SearchRecord, records: Sequence[JobRecord], directory: Path) -> None:
    """Give the parent its results, the sweep's own files, and its end. Only of live jobs, a run stays RUNNING."""
    settings, client = search.settings, connect(search.settings)
    summary = summarize(records, settings)
    _end_others(client, search, directory)
    metrics = [(clean_key(key), value, now(), 0) for key, value in summary.metrics.items()]
    metrics += best_curve(records, settings)
    # MLflow never changes a parameter: after a resume, a better one is written as a tag.
    run = client.get_run(search.run_id)
    known = run.data.params
    params = {key: value for key, value in summary.params.items() if key not in known}
    changed = {key: value for key, value in summary.params.items() if known.get(key, value) != value}
    tags = summary.tags | changed | wished(directory) | description(directory, summary)
    parcel = Parcel(client, settings, search.run_id, log_values(client, search.run_id, metrics, params, tags))
    if settings.log_artifacts:
        parcel.secrets = secrets_left_in(directory, settings.redact)
        files = [path for path, obstacle in files_of(directory) if not obstacle and not path.name.startswith(".")]
        upload_files(parcel, run.info.artifact_uri, directory, [(path, path.name) for path in files])
        text = clean_text(summary.text)
        parcel.attempt("best_trial.txt", partial(client.log_text, search.run_id, text, "best_trial.txt"))
    _end_run(client, search)
    say_left_out(settings.run_name, parcel.left_out)
    if parcel.trouble:
        raise parcel.trouble


def _end_run(client: "MlflowClient", search: SearchRecord) -> None:
    if not search.sweeps:
        client.set_terminated(search.run_id, search.status)


def _end_others(client: "MlflowClient", search: SearchRecord, directory: Path) -> None:
    """End the runs below the parent that nobody works on; a second run of one job, made by a lost answer, goes."""
    below = f"tags.`mlflow.parentRunId` = '{search.run_id}' and attributes.status = 'RUNNING'"
    running = client.search_runs([search.settings.experiment_id], below, max_results=5000)
    if not running:
        return
    # Read after the question: a job writes its record, with its key, before it asks for a run.
    records = {record.key: (path, record) for path, record in records_below(directory, search.run_id)}
    for run in running:
        path, record = records.get(run.data.tags.get(JOB_KEY, ""), (directory, None))
        if record and record.run_id not in (None, run.info.run_id):
            client.delete_run(run.info.run_id)
        elif record is None or not goes_on(record, path, search):
            client.set_terminated(run.info.run_id, "KILLED")


def wished(directory: Path) -> dict[str, str]:
    """Return the tag that says who has asked for what while the search ran; none where nobody has."""
    told = [f"{wish.text} at {datetime.fromtimestamp(wish.at):%Y-%m-%d %H:%M:%S}" for wish in heard_in(directory)]
    return {"wishes": shorten("; ".join(told), MAX_TAG_LENGTH)} if told else {}


def description(directory: Path, summary: Summary) -> dict[str, str]:
    """Return the tag with the parent's description: what the sweeper has written in summary.md, else our own table."""
    path = directory / SUMMARY
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else summary.note
    links = f"{summary.links}\n\n" if summary.links else ""  # first: MLflow folds what is long
    return {"mlflow.note.content": links + shorten(text, MAX_TAG_LENGTH - len(links))}
