"""The parent run in MLflow: the one that is known, the one of the search's key, or a new one if it was deleted."""

import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from hydra_plugins.hydra_search.files import SEARCH_RECORD
from hydra_plugins.hydra_search.urls import masked

from ._client import absolute_uri, check_active, connect, living_experiment, reaching
from ._payload import clean_tags
from ._reach import is_gone, made_once
from ._record import SearchRecord, load_search, records_below
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


def parent_of(client: "MlflowClient", search: SearchRecord, directory: Path, *, is_new: bool = False) -> SearchRecord:
    """Return the search with the id of a run that is there. The jobs of a run that was deleted go with the new one.

    A search that `is_new` has no run that one could look for.
    """
    if search.run_id and not is_gone(client, search.run_id):
        return search
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
    return search


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
