"""In memory, what MlflowClient does with a tracking store, as far as the callback asks for it.

`test_tracking_client.py` holds it beside the real one. Artifacts are real files, below a folder of the test's own.
"""

import re
import shutil
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from mlflow.entities import (
    DatasetInput,
    Experiment,
    FileInfo,
    Metric,
    Param,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunTag,
)
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST
from mlflow.utils.validation import _validate_batch_log_data

from hydra_plugins.hydra_mlflow_callback import _client, _reach

PARAMS_PER_REQUEST = TAGS_PER_REQUEST = 100
METRICS_PER_REQUEST = ENTITIES_PER_REQUEST = 1000

_CONDITION = re.compile(r"(?:tags\.`(?P<tag>[^`]+)`|attributes\.(?P<attribute>status)) = '(?P<value>[^']*)'")
_Method = TypeVar("_Method", bound=Callable[..., Any])


def _request(method: _Method) -> _Method:
    """Count the call, and refuse it as an unreachable server would."""

    @wraps(method)
    def called(self: "TrackingClient", *args: Any, **kwargs: Any) -> Any:
        with self.lock:
            self.calls[method.__name__] += 1
            self.n_calls += 1
            if self.is_away or self.n_calls == self.fails_at:
                raise MlflowException("API request failed: Max retries exceeded")
            answer = method(self, *args, **kwargs)
            if self.n_calls == self.answer_lost_at:
                raise MlflowException("API request failed: Read timed out")
            return answer

    return cast("_Method", called)


@dataclass
class _Run:
    run_id: str
    experiment_id: str
    name: str
    start_time: int
    artifacts: Path
    user: str
    status: str = "RUNNING"
    lifecycle_stage: str = "active"
    end_time: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    history: list[Metric] = field(default_factory=list)
    inputs: dict[tuple[str, str], DatasetInput] = field(default_factory=dict)

    def entity(self) -> Run:
        info = RunInfo(
            self.run_id, self.experiment_id, self.user, self.status, self.start_time, self.end_time,
            self.lifecycle_stage, artifact_uri=str(self.artifacts), run_name=self.name,
        )  # fmt: skip
        latest: dict[str, Metric] = {}
        for metric in self.history:
            latest[metric.key] = max(latest.get(metric.key, metric), metric, key=_age)
        params = [Param(*item) for item in self.params.items()]
        tags = [RunTag(*item) for item in self.tags.items()]
        return Run(info, RunData(list(latest.values()), params, tags), RunInputs(list(self.inputs.values()), []),
                   RunOutputs([]))  # fmt: skip


def _age(metric: Metric) -> tuple[int, int, float]:
    return metric.step, metric.timestamp, metric.value


class TrackingClient:
    """A server that can be away (`is_away`), fail once (`fails_at` that many calls), or do what it says it did not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls: Counter[str] = Counter()
        self.n_calls = 0
        self.is_away = False
        self.fails_at = self.answer_lost_at = 0
        self.lock = threading.RLock()
        self._experiments: dict[str, Experiment] = {}
        self._runs: dict[str, _Run] = {}

    # experiments

    @_request
    def get_experiment_by_name(self, name: str) -> Experiment | None:
        return next((known for known in self._experiments.values() if known.name == name), None)

    @_request
    def create_experiment(self, name: str) -> str:
        if any(known.name == name for known in self._experiments.values()):
            raise MlflowException(f"Experiment(name={name}) already exists", RESOURCE_ALREADY_EXISTS)
        number = str(len(self._experiments) + 1)
        self._experiments[number] = Experiment(number, name, str(self.folder / number), "active")
        return number

    @_request
    def delete_experiment(self, experiment_id: str) -> None:
        known = self._experiments[experiment_id]
        self._experiments[experiment_id] = Experiment(experiment_id, known.name, known.artifact_location, "deleted")
        for run in self._runs.values():
            run.lifecycle_stage = "deleted" if run.experiment_id == experiment_id else run.lifecycle_stage

    # runs

    @_request
    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: dict[str, Any] | None = None,
        run_name: str | None = None,
    ) -> Run:
        if self._experiments[experiment_id].lifecycle_stage != "active":
            raise MlflowException(
                f"The experiment {experiment_id} must be in the 'active' state", INVALID_PARAMETER_VALUE
            )
        run_id = uuid.uuid4().hex
        tags = {key: str(value) for key, value in (tags or {}).items()}
        name = run_name or tags.get("mlflow.runName") or "a-name-of-its-own"
        run = _Run(
            run_id, experiment_id, name, start_time or int(time.time() * 1000),
            self.folder / experiment_id / run_id / "artifacts", tags.get("mlflow.user", "unknown"),
        )  # fmt: skip
        run.artifacts.mkdir(parents=True)
        run.tags = tags | {"mlflow.runName": name}
        self._runs[run_id] = run
        return run.entity()

    @_request
    def get_run(self, run_id: str) -> Run:
        return self._run(run_id).entity()

    @_request
    def delete_run(self, run_id: str) -> None:
        self._run(run_id).lifecycle_stage = "deleted"

    @_request
    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self._living(run_id).tags[key] = value

    @_request
    def update_run(self, run_id: str, status: str | None = None) -> None:
        run = self._living(run_id)
        run.status = status or run.status

    @_request
    def set_terminated(self, run_id: str, status: str | None = None, end_time: int | None = None) -> None:
        run = self._living(run_id)
        run.status, run.end_time = status or "FINISHED", end_time or int(time.time() * 1000)

    @_request
    def search_runs(
        self, experiment_ids: list[str], filter_string: str = "", run_view_type: int = 1, max_results: int = 1000
    ) -> list[Run]:
        conditions = [_CONDITION.fullmatch(part.strip()) for part in filter_string.split(" and ") if part.strip()]
        if not all(conditions):
            raise MlflowException(f"the twin does not know the filter {filter_string!r}", INVALID_PARAMETER_VALUE)
        living = [run for run in self._runs.values() if run.lifecycle_stage == "active"]
        found = [run for run in living if run.experiment_id in experiment_ids]
        for condition in filter(None, conditions):
            tag, value = condition["tag"], condition["value"]
            found = [run for run in found if (run.tags.get(tag) if tag else run.status) == value]
        found.sort(key=lambda run: (-run.start_time, run.run_id))
        return [run.entity() for run in found[:max_results]]

    @_request
    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput]) -> None:
        for used in datasets:
            self._living(run_id).inputs.setdefault((used.dataset.name, used.dataset.digest), used)

    def log_batch(
        self, run_id: str, metrics: Sequence[Metric] = (), params: Sequence[Param] = (), tags: Sequence[RunTag] = ()
    ) -> None:
        """Cut what is given into requests of MLflow's limits, as the real client does; nothing needs none."""
        metrics, params, tags = list(metrics), list(params), list(tags)
        while metrics or params or tags:
            some, params = params[:PARAMS_PER_REQUEST], params[PARAMS_PER_REQUEST:]
            labels, tags = tags[:TAGS_PER_REQUEST], tags[TAGS_PER_REQUEST:]
            room = min(METRICS_PER_REQUEST, ENTITIES_PER_REQUEST - len(some) - len(labels))
            self._log_batch(run_id, metrics[:room], some, labels)
            metrics = metrics[room:]

    @_request
    def _log_batch(
        self, run_id: str, metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag]
    ) -> None:
        metrics, params, tags = _validate_batch_log_data(metrics, params, tags)
        run = self._living(run_id)
        for param in params:
            if run.params.get(param.key, param.value) != param.value:
                raise MlflowException("Changing param values is not allowed.", INVALID_PARAMETER_VALUE)
        run.params |= {param.key: param.value for param in params}
        known = {(m.key, m.value, m.timestamp, m.step) for m in run.history}
        for metric in metrics:
            point = (metric.key, metric.value, metric.timestamp, metric.step)
            if point not in known:
                known.add(point)
                run.history.append(metric)
        run.tags |= {tag.key: tag.value for tag in tags}

    @_request
    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        return [metric for metric in self._run(run_id).history if metric.key == key]

    # artifacts

    @_request
    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        path = self._run(run_id).artifacts / artifact_file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    @_request
    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        folder = self._run(run_id).artifacts / (artifact_path or "")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(local_path, folder)

    @_request
    def log_artifacts(self, run_id: str, local_dir: str, artifact_path: str | None = None) -> None:
        folder = self._run(run_id).artifacts / (artifact_path or "")
        shutil.copytree(local_dir, folder, dirs_exist_ok=True)

    @_request
    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        root = self._run(run_id).artifacts
        found = sorted((root / (path or "")).iterdir())
        return [
            FileInfo(str(item.relative_to(root)), item.is_dir(), None if item.is_dir() else item.stat().st_size)
            for item in found
        ]

    def _run(self, run_id: str) -> _Run:
        if run_id not in self._runs:
            raise MlflowException(f"Run with id={run_id} not found", RESOURCE_DOES_NOT_EXIST)
        return self._runs[run_id]

    def _living(self, run_id: str) -> _Run:
        run = self._run(run_id)
        if run.lifecycle_stage != "active":
            raise MlflowException(f"The run {run_id} must be in the 'active' state", INVALID_PARAMETER_VALUE)
        return run

    # for tests, never counted and never refused

    def runs(self) -> dict[str, Run]:
        """Return every run by its name, the first of a name."""
        return {run.name: run.entity() for run in reversed(self._runs.values())}

    def forget_runs(self) -> None:
        """Lose every run, as a database that is made anew."""
        self._runs.clear()

    def dump(self) -> dict[str, object]:
        """Return all that the store knows, run by run."""
        return {
            run.run_id: (run.entity().to_dictionary(), sorted(map(_point, run.history)), files_below(run.artifacts))
            for run in self._runs.values()
        }

    def files(self, run_id: str) -> dict[str, str]:
        """Return the artifacts of a run by their paths, with what they hold."""
        return files_below(self._run(run_id).artifacts)


def files_below(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text(errors="replace") for path in files}


def _point(metric: Metric) -> tuple[str, int, int, float]:
    return metric.key, metric.step, metric.timestamp, metric.value


def put_in_place(client: TrackingClient, monkeypatch: pytest.MonkeyPatch) -> TrackingClient:
    """Make this the client of the callback, and of `mlflow.start_run`, by which it opens a job's run."""
    monkeypatch.setattr(_client, "client_of", lambda _: client)
    monkeypatch.setattr(_reach, "_breakers", {})
    monkeypatch.setattr("mlflow.tracking.fluent.MlflowClient", lambda: client)
    monkeypatch.setattr("mlflow.set_tracking_uri", lambda _: None)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    for name in _client._BOUNDS:  # set for good by `connect`, and not for the tests that follow
        monkeypatch.setenv(name, _client._BOUNDS[name])
    return client
