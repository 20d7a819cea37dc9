"""Sending one job's record to MLflow. Repeatable: what is already there is not written twice."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.files import DATASET, EXAMPLE, MODEL, OF_JOB

from ._client import connect
from ._model import log_model
from ._payload import MAX_TAG_LENGTH, shorten
from ._record import JOB_KEY, JobRecord
from .config import Settings

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
        run = _find_or_create(client, settings, record)
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
        upload(settings, record, directory, without=(MODEL, EXAMPLE) if is_logged else ())
    client.set_terminated(record.run_id, record.status, record.end_time)
    record.sent = True
    record.save(directory)


def _find_or_create(client: "MlflowClient", settings: Settings, record: JobRecord) -> "Run":
    found = client.search_runs([settings.experiment_id], f"tags.`{JOB_KEY}` = '{record.key}'", max_results=1)
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
    """Log everything; the client cuts it into as few requests as MLflow's batch limits allow."""
    from mlflow.entities import Metric, Param, RunTag

    client.log_batch(
        run_id,
        [Metric(*metric) for metric in metrics],
        [Param(*param) for param in (params or {}).items()],
        [RunTag(*tag) for tag in (tags or {}).items()],
    )


def upload(settings: Settings, record: JobRecord, directory: Path, without: Sequence[str] = ()) -> None:
    """Upload the job's output directory, our own records and the files `without` left out."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    # The client would ask the server for the run again, only to learn this address.
    repository = get_artifact_repository(record.artifact_uri, tracking_uri=settings.tracking_uri)
    for path in sorted(directory.iterdir()):
        if path.is_dir():
            repository.log_artifacts(str(path), path.name)  # type: ignore[no-untyped-call]
        elif path.name not in without and not path.name.startswith(OF_JOB):
            repository.log_artifact(str(path))  # type: ignore[no-untyped-call]


def log_dataset(client: "MlflowClient", run_id: str, directory: Path) -> None:
    """Log what the job says of its data in dataset.json: an object with at least `name` and `digest`, and `source`.

    A file of that name with other content is an artifact like any other. MLflow keeps an input once, however often it
    is logged.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

    try:
        content = json.loads((directory / DATASET).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return
    if not isinstance(content, dict) or not {"name", "digest"} <= content.keys():
        return
    source = str(content.get("source", ""))
    profile = {key: value for key, value in content.items() if key not in ("name", "digest", "source")}
    dataset = Dataset(
        name=str(content["name"]),
        digest=str(content["digest"]),
        source_type="local" if Path(source).is_absolute() else "code",
        source=json.dumps({"uri": source}),
        profile=json.dumps(profile),
    )
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, "training")])])
