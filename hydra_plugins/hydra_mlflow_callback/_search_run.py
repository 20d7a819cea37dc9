"""The parent run of a search: opened before the first job, shown while it runs, closed with what the search found."""

import dataclasses
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from hydra_plugins.hydra_search.errors import SearchError
from hydra_plugins.hydra_search.files import SUMMARY
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.secret_sources import secrets_of
from hydra_plugins.hydra_search.secrets import say_masked
from hydra_plugins.hydra_search.settings import read_command_line
from hydra_plugins.hydra_search.urls import masked

from ._client import connect, ui_command
from ._delivery import deliver, log_values
from ._job_run import conclude, end_of_lost
from ._payload import MAX_TAG_LENGTH, clean_key, now, shorten
from ._record import JOB_KEY, SearchRecord, goes_on, load_search, records_below
from ._summary import Summary, best_curve, counted, summarize
from .config import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from omegaconf import DictConfig

log = logging.getLogger(__name__)

SEARCH_KEY = "hydra.search.key"
LOCK_FILE = ".mlflow_search.lock"

SECONDS_BETWEEN_LOOKS = 5.0
# Reading the records of a large search takes its time: at most this share of it.
SHARE = 0.05
# A job that ended before another one may be heard of after it, and would change the points that follow.
SETTLED_AFTER = 2.0


class Undelivered(SearchError):
    """MLflow can't be reached at the end of a search; what it should know stands in the search's directories."""


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
        search = _known_search(settings, directory) or SearchRecord(run_id="", settings=settings, tags=tags)
        search = dataclasses.replace(
            search, settings=settings, tags=tags, fixed_keys=fixed_keys(config), status="RUNNING", sweep=Owner.me()
        )
        search.save(directory)  # with its key, by which a run is found again if this process is killed right here
        run_id = _known_parent(client, search)
        if run_id is None:
            tags_of_parent = tags | {SEARCH_KEY: search.key}
            run_id = client.create_run(
                settings.experiment_id, tags=tags_of_parent, run_name=settings.run_name
            ).info.run_id
        else:
            client.update_run(run_id, status="RUNNING")
        search = dataclasses.replace(search, run_id=str(run_id))
        search.save(directory)
    return search


def _known_search(settings: Settings, directory: Path) -> SearchRecord | None:
    try:
        known = load_search(directory)
    except FileNotFoundError:
        return None
    same = (known.settings.tracking_uri, known.settings.experiment_id)
    return known if same == (settings.tracking_uri, settings.experiment_id) else None


def _known_parent(client: "MlflowClient", search: SearchRecord) -> str | None:
    from mlflow.exceptions import MlflowException

    if search.run_id:
        try:
            return str(client.get_run(search.run_id).info.run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None  # the database was made anew
    found = client.search_runs([search.settings.experiment_id], f"tags.`{SEARCH_KEY}` = '{search.key}'", max_results=1)
    return str(found[0].info.run_id) if found else None


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
            if points[self._n_sent :]:
                log_values(connect(self.search.settings), self.search.run_id, points[self._n_sent :])
            self._n_sent = len(points)
        except Exception as error:  # whatever a server or a network raises: the end of the search says it
            log.debug("MLflow can't take the curve now: %s", error)
        self._not_before = start + (time.monotonic() - start) / SHARE


def close_search(search: SearchRecord, directory: Path, status: str) -> None:
    """Say how many jobs ended how, and reconcile MLflow with the records. A job that goes on elsewhere is left alone.

    Raises:
        Undelivered: MLflow can't be reached; calling this again later delivers the rest.
    """
    search = dataclasses.replace(search, status=status)
    search.save(directory)
    jobs = [(path, job) for path, job in records_below(directory, search.run_id) if not goes_on(job, path, search)]
    for path, record in jobs:
        if record.status == "RUNNING":
            conclude(search.settings, record, path, end_of_lost(path))
            record.save(path)
    records = [record for _, record in jobs]
    log.info(counted(records))
    try:
        for path, record in jobs:
            if not record.sent:
                deliver(search.settings, record, path)
        close_parent(search, summarize(records, search.settings), directory)  # which names their runs
    except Exception as failure:  # anything a server or a network can raise: the records stay on disk
        unsent = sum(not record.sent for record in records)
        uri = masked(search.settings.tracking_uri)
        raise Undelivered(
            f"MLflow at {uri} can't be reached: the parent run and {unsent} of {len(jobs)} jobs are not up to date "
            f"there ({shorten(str(failure), 200)}).\nNothing is lost. When it is back: "
            f"python -m hydra_plugins.hydra_mlflow_callback {directory}"
        ) from failure
    log.info("Look at the runs: %s", ui_command(search.settings))


def close_parent(search: SearchRecord, summary: Summary, directory: Path) -> None:
    """Give the parent its results, the sweep's own files, and its end. Only of live jobs, a run stays RUNNING."""
    settings, client = search.settings, connect(search.settings)
    below = f"tags.`mlflow.parentRunId` = '{search.run_id}' and attributes.status = 'RUNNING'"
    running = client.search_runs([settings.experiment_id], below, max_results=5000)
    # Read after the question: a job writes its record, with its key, before it asks for a run.
    records = list(records_below(directory, search.run_id))
    live = {record.key for path, record in records if goes_on(record, path, search)}
    for run in running:
        if run.data.tags.get(JOB_KEY) not in live:
            client.set_terminated(run.info.run_id, "KILLED")
    metrics = [(clean_key(key), value, now(), 0) for key, value in summary.metrics.items()]
    metrics += best_curve([record for _, record in records], settings)
    # MLflow never changes a parameter: after a resume, a better one is written as a tag.
    known = client.get_run(search.run_id).data.params
    params = {key: value for key, value in summary.params.items() if key not in known}
    changed = {key: value for key, value in summary.params.items() if known.get(key, value) != value}
    log_values(client, search.run_id, metrics, params, summary.tags | changed | description(directory, summary))
    if settings.log_artifacts:
        for path in sorted(directory.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                client.log_artifact(search.run_id, str(path))
        client.log_text(search.run_id, summary.text, "best_trial.txt")
    client.set_terminated(search.run_id, search.status)


def description(directory: Path, summary: Summary) -> dict[str, str]:
    """Return the tag with the parent's description: what the sweeper has written in summary.md, else our own table."""
    try:
        text = (directory / SUMMARY).read_text(encoding="utf-8")
    except FileNotFoundError:
        text = summary.note
    links = f"{summary.links}\n\n" if summary.links else ""  # first: MLflow folds what is long
    return {"mlflow.note.content": links + shorten(text, MAX_TAG_LENGTH - len(links))}
