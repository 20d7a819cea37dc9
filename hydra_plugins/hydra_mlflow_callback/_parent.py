"""The parent run in MLflow: the known one, that of the search's key, or a new one if it was deleted; and its end."""

import dataclasses
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from hydra_plugins.hydra_search.files import SEARCH_RECORD, SUMMARY
from hydra_plugins.hydra_search.urls import masked
from hydra_plugins.hydra_search.wishes import heard_in

from ._client import absolute_uri, check_active, connect, living_experiment, reaching
from ._delivery import Parcel, say_left_out, upload_files
from ._payload import MAX_TAG_LENGTH, clean_key, clean_tags, clean_text, now, shorten
from ._reach import is_gone, living_run, made_once
from ._record import JOB_KEY, JobRecord, SearchRecord, goes_on, load_search, records_below
from ._summary import Summary, best_curve, summarize
from ._upload import files_of, secrets_left_in
from ._values import log_values
from .config import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

log = logging.getLogger(__name__)

LOCK_FILE = ".mlflow_search.lock"
SEARCH_KEY = "hydra.search.key"


def place_of(settings: Settings) -> str:
    """Write where a search would be recorded. A server is asked, nothing is made. Raises BadInput as `open_experiment`.

    A database would be made by the question.
    """
    settings = dataclasses.replace(settings, tracking_uri=absolute_uri(settings))
    name, known = settings.experiment_name, ""
    if settings.tracking_uri.startswith("http"):
        with reaching(settings):
            experiment = connect(settings).get_experiment_by_name(name)
        if experiment is not None:
            check_active(experiment, settings)
        known = " (new)" if experiment is None else ""
    return f"{masked(settings.tracking_uri)}, experiment {name}{known}, run {settings.run_name}"


def parent_of(
    client: "MlflowClient", search: SearchRecord, directory: Path, *, is_new: bool = False
) -> "tuple[SearchRecord, Run]":
    """Return the search with the id of a run that is there, and that run as it is.

    The jobs of a run that was deleted go with the new one. A search that `is_new` has no run that one could look for.
    """
    if search.run_id and (run := living_run(client, search.run_id)):
        return search, run
    before = search
    if before.run_id:
        search = dataclasses.replace(search, settings=living_experiment(client, search.settings))
    run = (None if is_new else _find(client, search)) or made_once(
        lambda: _find(client, search), lambda: _make(client, search)
    )
    search = dataclasses.replace(search, run_id=str(run.info.run_id))
    if before.run_id:
        log.warning("The run of the search was deleted in MLflow; it is made anew: %s", search.run_id)
        _lead_jobs(client, before, search, directory)
    search.save(directory)
    return search, run


def withdraw(client: "MlflowClient", search: SearchRecord, directory: Path) -> None:
    """Leave the parent run as this sweep has found it, or not at all: the study has refused the search.

    Another sweep may have come to the run meanwhile; then it is that one's.
    """
    with FileLock(directory / LOCK_FILE):
        if load_search(directory).sweep != search.sweep:
            return
        if search.before is None:
            client.delete_run(search.run_id)
            (directory / SEARCH_RECORD).unlink(missing_ok=True)
        else:
            client.update_run(search.run_id, status=search.before)
            dataclasses.replace(search, status=search.before).save(directory)


def _find(client: "MlflowClient", search: SearchRecord) -> "Run | None":
    found = client.search_runs([search.settings.experiment_id], f"tags.`{SEARCH_KEY}` = '{search.key}'", max_results=1)
    return found[0] if found else None


def _make(client: "MlflowClient", search: SearchRecord) -> "Run":
    tags = clean_tags(search.tags | {SEARCH_KEY: search.key})
    return client.create_run(search.settings.experiment_id, tags=tags, run_name=search.settings.run_name)


def _lead_jobs(client: "MlflowClient", before: SearchRecord, after: SearchRecord, directory: Path) -> None:
    """Hang the jobs' runs below the new parent; those that were deleted with the old one are to be delivered again.

    Saved job by job before the search is: one that was not reached is found under the old parent by the next delivery.
    """
    same_place = before.settings.experiment_id == after.settings.experiment_id
    for path, record in records_below(directory, before.run_id):
        if record.run_id and same_place and not is_gone(client, record.run_id):
            client.set_tag(record.run_id, "mlflow.parentRunId", after.run_id)
        else:
            record.run_id, record.params_sent, record.sent = None, False, False
        record.parent_run_id = record.tags["mlflow.parentRunId"] = after.run_id
        record.save(path)


def close_parent(search: SearchRecord, run: "Run", records: Sequence[JobRecord], directory: Path) -> None:
    """Give the parent its results, the sweep's own files, and its end. Only of live jobs, a run stays RUNNING.

    Args:
        search: whose it is.
        run: the parent's, as it was when this sweep ended.
        records: of the jobs that have ended.
        directory: the sweep's.
    """
    settings, client = search.settings, connect(search.settings)
    summary = summarize(records, settings)
    metrics = [(clean_key(key), value, now(), 0) for key, value in summary.metrics.items()]
    metrics += best_curve(records, settings)
    # MLflow never changes a parameter: after a resume, a better one is written as a tag.
    known = run.data.params
    params = {key: value for key, value in summary.params.items() if key not in known}
    changed = {key: value for key, value in summary.params.items() if known.get(key, value) != value}
    tags = summary.tags | changed | wished(directory) | description(directory, summary)
    parcel = Parcel(client, settings, search.run_id, ())

    def log_results() -> None:
        parcel.left_out += log_values(client, search.run_id, metrics, params, tags)

    parts: list[tuple[str, Callable[[], object]]] = [
        ("the results", log_results),
        ("the end of lost jobs", partial(_end_others, client, search, directory)),
    ]
    files: list[Path] = []
    if settings.log_artifacts:
        parcel.secrets = secrets_left_in(directory, settings.redact)
        files = [path for path, obstacle in files_of(directory) if not obstacle and not path.name.startswith(".")]
        text = clean_text(summary.text)
        parts.append(("best_trial.txt", partial(client.log_text, search.run_id, text, "best_trial.txt")))
    upload_files(parcel, run.info.artifact_uri, directory, [(path, path.name) for path in files], parts)
    end_run(client, search)
    say_left_out(settings.run_name, parcel.left_out)
    if parcel.trouble:
        raise parcel.trouble


def end_run(client: "MlflowClient", search: SearchRecord) -> None:
    """End the parent, unless another sweep of the search goes on."""
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
