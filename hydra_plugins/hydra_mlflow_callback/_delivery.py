"""Sending one job's record to MLflow. Repeatable: what is already there is not written twice."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hydra_trial import RESULT_FILE

from ._dataset import log_dataset
from ._model import EXAMPLE_FILE, MODEL_FILE, log_model
from ._payload import MAX_METRICS_PER_BATCH, MAX_PARAMS_PER_BATCH, MAX_TAG_LENGTH, batches, shorten
from ._record import JOB_FILE, JobRecord
from ._settings import Settings
from ._tracking import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


def deliver(settings: Settings, record: JobRecord, directory: Path) -> None:
    """Make the run say what the record says, end it, and mark the record as sent.

    MLflow keeps a metric once however often the same value, time and step arrive, and accepts a parameter again
    if its value is the same. So a delivery that was cut short is simply done again.
    """
    client = connect(settings)
    if record.run_id is None:
        run = find_or_create(client, settings, record)
        record.run_id, record.artifact_uri = run.info.run_id, run.info.artifact_uri
        record.save(directory)
    tags: dict[str, str] = {}
    if record.pruned:
        tags["hydra.pruned"] = "true"
    if record.error:
        tags["hydra.status_reason"] = shorten(record.error.strip().splitlines()[-1], MAX_TAG_LENGTH)
    if record.error and not record.pruned:
        client.log_text(record.run_id, record.error, "traceback.txt")
    log_values(client, record.run_id, record.metrics, {} if record.params_sent else record.params, tags)
    log_dataset(client, record.run_id, directory)
    is_logged = log_model(client, settings, record, directory)
    if settings.log_artifacts:
        upload(settings, record, directory, without=(MODEL_FILE, EXAMPLE_FILE) if is_logged else ())
    client.set_terminated(record.run_id, record.status, record.end_time)
    record.sent = True
    record.save(directory)


def find_or_create(client: "MlflowClient", settings: Settings, record: JobRecord) -> "Run":
    """Return the run that carries the record's key; make it if there is none."""
    found = client.search_runs([settings.experiment_id], f"tags.`hydra.job.key` = '{record.key}'", max_results=1)
    if found:
        return found[0]
    return client.create_run(
        settings.experiment_id, start_time=record.start_time, tags=record.tags, run_name=record.name
    )


def log_values(
    client: "MlflowClient",
    run_id: str,
    metrics: Sequence[tuple[str, float, int, int]] = (),
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Log everything with as few requests as MLflow's batch limits allow."""
    from mlflow.entities import Metric, Param, RunTag

    metric_batches = batches((Metric(*metric) for metric in metrics), MAX_METRICS_PER_BATCH)
    param_batches = batches((Param(*param) for param in (params or {}).items()), MAX_PARAMS_PER_BATCH)
    all_tags = [RunTag(key, value) for key, value in (tags or {}).items()]
    for i, (some_metrics, some_params) in enumerate(zip_longest(metric_batches, param_batches, fillvalue=())):
        client.log_batch(run_id, some_metrics, some_params, all_tags if i == 0 else ())


def upload(settings: Settings, record: JobRecord, directory: Path, without: Sequence[str] = ()) -> None:
    """Upload the job's output directory, our own records and the files `without` left out."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    # The client would ask the server for the run again, only to learn this address.
    repository = get_artifact_repository(record.artifact_uri, tracking_uri=settings.tracking_uri)
    for path in sorted(directory.iterdir()):
        if path.is_dir():
            repository.log_artifacts(str(path), path.name)  # type: ignore[no-untyped-call]
        elif path.name not in without and not path.name.startswith((JOB_FILE, RESULT_FILE)):
            repository.log_artifact(str(path))  # type: ignore[no-untyped-call]
