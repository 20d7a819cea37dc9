"""The parent run of a search: opened before the first job, closed with what the search found."""

import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from hydra.core.override_parser.overrides_parser import OverridesParser

from ._curve import best_curve
from ._delivery import deliver, log_values
from ._outcome import conclude, outcome_of_lost
from ._payload import MAX_TAG_LENGTH, clean_key, hide_password, now, shorten
from ._record import JobRecord, SearchRecord, load_search, records_below
from ._settings import Settings
from ._summary import Summary, summarize
from ._tracking import connect, ui_command

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from omegaconf import DictConfig

log = logging.getLogger(__name__)

SEARCH_KEY = "hydra.search.key"
SUMMARY_FILE = "summary.md"
LOCK_FILE = ".mlflow_search.lock"
Jobs = list[tuple[Path, JobRecord]]


class Undelivered(Exception):
    """MLflow can't be reached at the end of a search; what it should know stands in the search's directories."""


def open_search(settings: Settings, config: "DictConfig") -> SearchRecord:
    """Open the parent run; a search that goes on in its old directory goes on under its old parent."""
    from mlflow.tracking.context.registry import resolve_tags

    client = connect(settings)
    directory = Path(config.hydra.sweep.dir).absolute()
    # The same user, program and commit for every run: in a worker, MLflow would name the launcher's own script.
    tags = {str(key): str(value) for key, value in resolve_tags(dict(settings.tags)).items()}
    directory.mkdir(parents=True, exist_ok=True)
    with FileLock(directory / LOCK_FILE):  # two sweeps that begin one search at once have one parent
        search = known_search(settings, directory) or SearchRecord(run_id="", settings=settings, tags=tags)
        search = dataclasses.replace(search, settings=settings, tags=tags, fixed_keys=fixed_keys(config))
        search.save(directory)  # with its key, by which a run is found again if this process is killed right here
        run_id = known_parent(client, search)
        if run_id is None:
            tags_of_parent = tags | {SEARCH_KEY: search.key}
            run_id = client.create_run(
                settings.experiment_id, tags=tags_of_parent, run_name=settings.run_name
            ).info.run_id
        else:
            client.update_run(run_id, status="RUNNING")
        search = dataclasses.replace(search, run_id=str(run_id), status="RUNNING")
        search.save(directory)
    return search


def known_search(settings: Settings, directory: Path) -> SearchRecord | None:
    """Return the record of the search that this directory belongs to, if it is kept on this server."""
    try:
        known = load_search(directory)
    except FileNotFoundError:
        return None
    same = (known.settings.tracking_uri, known.settings.experiment_id)
    return known if same == (settings.tracking_uri, settings.experiment_id) else None


def known_parent(client: "MlflowClient", search: SearchRecord) -> str | None:
    """Return the parent run that the search already has, if it has one."""
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
    overrides = OverridesParser.create().parse_overrides(list(config.hydra.overrides.task))
    return tuple(override.get_key_element() for override in overrides if not override.is_sweep_override())


def close_search(search: SearchRecord, directory: Path, status: str) -> None:
    """Tell what the search found, and reconcile its record with MLflow.

    Raises:
        Undelivered: MLflow can't be reached; calling this again later delivers the rest.
    """
    search = dataclasses.replace(search, status=status)
    search.save(directory)
    jobs = list(records_below(directory, search.run_id))
    jobs = [(path, record) for path, record in jobs if record.status != "RUNNING" or not record.runs_elsewhere()]
    close_lost(jobs, search.settings)
    summary = summarize([record for _, record in jobs], search.settings)
    for line in summary.text.splitlines():
        log.info(line)
    try:
        for job_directory, record in jobs:
            if not record.sent:
                deliver(search.settings, record, job_directory)
        close_parent(search, summary, directory)
    except Exception as failure:  # anything a server or a network can raise: the records stay on disk
        unsent = sum(not record.sent for _, record in jobs)
        uri = hide_password(search.settings.tracking_uri)
        raise Undelivered(
            f"MLflow at {uri} can't be reached: the parent run and {unsent} of {len(jobs)} jobs are not up to date "
            f"there ({shorten(str(failure), 200)}).\nNothing is lost. When it is back: "
            f"python -m hydra_plugins.hydra_mlflow_callback {directory}"
        ) from failure
    log.info("Look at the runs: %s", ui_command(search.settings))


def close_lost(jobs: Jobs, settings: Settings) -> None:
    """Conclude the jobs whose process ended before they could."""
    for directory, record in jobs:
        if record.status == "RUNNING":
            conclude(settings, record, directory, outcome_of_lost(directory))
            record.save(directory)


def close_parent(search: SearchRecord, summary: Summary, directory: Path) -> None:
    """Give the parent its results, the sweep's own files, and its end. No run below it stays RUNNING."""
    settings, client = search.settings, connect(search.settings)
    running = f"tags.`mlflow.parentRunId` = '{search.run_id}' and attributes.status = 'RUNNING'"
    elsewhere = {record.run_id for _, record in records_below(directory, search.run_id) if record.runs_elsewhere()}
    for run in client.search_runs([settings.experiment_id], running, max_results=5000):
        if run.info.run_id not in elsewhere:
            client.set_terminated(run.info.run_id, "KILLED")
    metrics = [(clean_key(key), value, now(), 0) for key, value in summary.metrics.items()]
    metrics += best_curve([record for _, record in records_below(directory, search.run_id)], settings)
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
        text = (directory / SUMMARY_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        text = summary.note
    links = f"{summary.links}\n\n" if summary.links else ""  # first: MLflow folds what is long
    return {"mlflow.note.content": links + shorten(text, MAX_TAG_LENGTH - len(links))}
