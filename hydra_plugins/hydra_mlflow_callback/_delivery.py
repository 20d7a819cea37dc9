"""Sending one job's record to MLflow. Repeatable: what is already there is not written twice."""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hydra_plugins.hydra_search.errors import one_line, raised_in
from hydra_plugins.hydra_search.files import DATASET, EXAMPLE, MODEL, OF_JOB
from hydra_plugins.hydra_search.secrets import Secrets
from hydra_plugins.hydra_search.urls import masked

from ._client import client_for
from ._model import log_model
from ._payload import MAX_TAG_LENGTH, clean_tags, clean_text, shorten
from ._reach import REQUESTS_AT_A_TIME, RunGone, is_database, is_gone, is_refused, is_there, made_once
from ._record import JOB_KEY, JobRecord
from ._upload import files_below, is_wanted, secrets_left_in, send_without, sent_at_once
from ._values import log_values
from .config import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")


class Parcel:
    """What goes to one run, part by part. What MLflow refuses is left out; what it can't take now is the trouble."""

    def __init__(self, client: "MlflowClient", settings: Settings, run_id: str, left_out: Sequence[str]) -> None:
        self.client = client
        self.settings = settings
        self.run_id = run_id
        self.secrets = Secrets()  # that its files are sent without
        self.left_out = list(left_out)
        self.trouble: Exception | None = None

    def attempt(self, part: str, send: Callable[[], _Answer]) -> _Answer | None:
        """Send one part. Raises what the store raises if it does not answer any more."""
        try:
            return send()
        except Exception as error:  # anything a server, a network or a disk can raise
            if is_refused(error):
                self.left_out.append(f"{part} ({shorten(one_line(error), 200)})")
                return None
            if not is_there(self.client, self.run_id):
                raise
            self.trouble = self.trouble or error
        return None

    def attempt_each(self, parts: Iterable[tuple[str, Callable[[], object]]]) -> None:
        """Send parts that need no order: to a server several at a time. Raises as `attempt` does."""
        if is_database(self.settings.tracking_uri):
            for part, send in parts:
                self.attempt(part, send)
            return
        with ThreadPoolExecutor(REQUESTS_AT_A_TIME) as pool:
            sent = [pool.submit(self.attempt, part, send) for part, send in parts]
        for done in sent:
            done.result()


def deliver(settings: Settings, record: JobRecord, directory: Path, *, is_new: bool = False) -> None:
    """Make the run say what the record says, end it, and mark the record as sent.

    MLflow keeps a metric once however often the same value, time and step arrive, and accepts a parameter again
    if its value is the same. So a delivery that was cut short is simply done again. A run that somebody has deleted is
    made anew. What can't go is left out, and said.

    Args:
        settings: of the search, or of the single job.
        record: what the run is to say.
        directory: the job's.
        is_new: nobody has asked for the run yet, though the record on the disk says so already.

    Raises:
        Exception: what stood in the way of a part that may go another time. The other parts are there.
    """
    client = client_for(settings)
    try:
        if is_new:
            _note(record, make_run(client, settings, record))
        _deliver(client, settings, record, directory)
    except RunGone:
        record.run_id, record.params_sent = None, False
        _deliver(client, settings, record, directory)


def _deliver(client: "MlflowClient", settings: Settings, record: JobRecord, directory: Path) -> None:
    left_out = _open_with_values(client, settings, record, directory)
    parcel = Parcel(client, settings, str(record.run_id), left_out)
    if record.error and not record.pruned:
        text = clean_text(record.error)
        parcel.attempt("the traceback", partial(client.log_text, parcel.run_id, text, "traceback.txt"))
    parcel.attempt(DATASET, partial(log_dataset, client, parcel.run_id, directory))
    with_files = record.takes_files(settings)
    is_logged = with_files and parcel.attempt("the model", partial(log_model, client, settings, record, directory))
    if settings.log_artifacts and with_files:
        if record.is_masked:
            parcel.secrets = secrets_left_in(directory, settings.redact)
        upload(parcel, record, directory, without=(MODEL, EXAMPLE) if is_logged else ())
    end(client, parcel.run_id, record.status, record.end_time)
    say_left_out(record.name, parcel.left_out)
    if parcel.trouble:
        raise parcel.trouble
    record.sent = True
    record.save(directory)


def end(client: "MlflowClient", run_id: str, status: str, end_time: int | None = None) -> None:
    """End a run. Raises RunGone if somebody has deleted it."""
    try:
        client.set_terminated(run_id, status, end_time)
    except Exception as error:  # anything a server or a network can raise
        if is_refused(error) and is_gone(client, run_id):
            raise RunGone(run_id) from error
        raise


def say_left_out(name: str, parts: Sequence[str]) -> None:
    """Say in one line what MLflow does not have of a run."""
    if parts:
        log.warning("MLflow does not take all of %s. Left out: %s", name, "; ".join(parts))


def _open_with_values(client: "MlflowClient", settings: Settings, record: JobRecord, directory: Path) -> list[str]:
    if record.run_id is None:
        open_run(client, settings, record, directory)
    tags: dict[str, str] = {}
    if record.pruned:
        tags["hydra.pruned"] = "true"
    if record.error and record.error.strip():
        tags["hydra.status_reason"] = shorten(raised_in(record.error), MAX_TAG_LENGTH)
    return log_values(client, str(record.run_id), record.metrics, {} if record.params_sent else record.params, tags)


def open_run(client: "MlflowClient", settings: Settings, record: JobRecord, directory: Path) -> "Run":
    """Make the run of a job, and note it; one that was asked for before, and never heard of, is looked for."""
    run = _find_run(client, settings, record) if record.is_asked_for else None
    if run is None:
        record.is_asked_for = True
        record.save(directory)
        run = make_run(client, settings, record)
    _note(record, run)
    record.save(directory)
    return run


def _note(record: JobRecord, run: "Run") -> None:
    record.run_id, record.artifact_uri = run.info.run_id, run.info.artifact_uri


def make_run(client: "MlflowClient", settings: Settings, record: JobRecord) -> "Run":
    """Make the run of a job, whose record on the disk says that it was asked for: by its key it is found again.

    A request that MLflow's client sends again may make two. Of a search, its end removes one; see `_search_run`.
    """

    def find() -> "Run | None":
        return _find_run(client, settings, record)

    def create() -> "Run":
        tags, start = clean_tags(record.tags), record.start_time
        return client.create_run(settings.experiment_id, start_time=start, tags=tags, run_name=record.name)

    return create() if record.parent_run_id else made_once(find, create)


def _find_run(client: "MlflowClient", settings: Settings, record: JobRecord) -> "Run | None":
    by_key = f"tags.`{JOB_KEY}` = '{record.key}'"
    found = client.search_runs([settings.experiment_id], by_key, max_results=1)
    return found[0] if found else None


def upload(parcel: Parcel, record: JobRecord, directory: Path, without: Sequence[str] = ()) -> None:
    """Upload the job's output directory, but for our own records, the files `without`, and secrets."""
    travelling: list[tuple[Path, str]] = []
    for path, obstacle in files_below(directory, without):
        name = clean_text(str(path.relative_to(directory)))
        if obstacle:
            parcel.left_out.append(f"{name} ({obstacle})")
        elif not name.startswith(OF_JOB) and is_wanted(name, parcel.settings.artifacts):
            travelling.append((path, name))
    upload_files(parcel, record.artifact_uri, directory, travelling)


def upload_files(
    parcel: Parcel,
    artifact_uri: str,
    directory: Path,
    files: Sequence[tuple[Path, str]],
    beside: Sequence[tuple[str, Callable[[], object]]] = (),
) -> None:
    """Upload files below a directory, each with its name if it is left out, without the parcel's secrets.

    Other parts go beside them: to a server far away each request is a wait.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    parts = list(beside)
    if files:
        # The client would ask the server for the run again, only to learn this address.
        repository = get_artifact_repository(artifact_uri, tracking_uri=parcel.settings.tracking_uri)
        at_once = not parcel.secrets.keys and sent_at_once(repository, directory, [path for path, _ in files])
        for path, name in () if at_once else files:
            folder = path.parent.relative_to(directory).as_posix()
            send = partial(repository.log_artifact, artifact_path=None if folder == "." else folder)
            parts.append((name, partial(send_without, parcel.secrets, path, send)))
    parcel.attempt_each(parts)


def log_dataset(client: "MlflowClient", run_id: str, directory: Path) -> None:
    """Log what the job says of its data in dataset.json: an object with at least `name` and `digest`, and `source`.

    A file of that name with other content is an artifact like any other. MLflow keeps an input once, however often it
    is logged.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

    if not (directory / DATASET).is_file():  # to read a FIFO would wait for ever
        return
    try:
        content = json.loads((directory / DATASET).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return
    if not isinstance(content, dict) or not {"name", "digest"} <= content.keys():
        return
    source = masked(clean_text(str(content.get("source", ""))))
    profile = {key: value for key, value in content.items() if key not in ("name", "digest", "source")}
    dataset = Dataset(
        name=clean_text(str(content["name"])),
        digest=clean_text(str(content["digest"])),
        source_type="local" if Path(source).is_absolute() else "code",
        source=json.dumps({"uri": source}),
        profile=json.dumps(profile),
    )
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, "training")])])
