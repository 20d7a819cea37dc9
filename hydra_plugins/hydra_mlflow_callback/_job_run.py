"""The run of one job: opened when the job starts, closed when it ends, whatever happens to the server meanwhile."""

import json
import logging
import os
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.types import RunMode

from hydra_plugins.hydra_search.errors import SearchError
from hydra_plugins.hydra_search.files import METRICS, MODEL
from hydra_plugins.hydra_search.jobs import subdir_of
from hydra_plugins.hydra_search.owner import every
from hydra_plugins.hydra_search.secret_sources import secrets_of_job
from hydra_plugins.hydra_search.secrets import Secrets
from hydra_plugins.hydra_search.settings import task_overrides
from hydra_plugins.hydra_search.trials import CONFIRMS
from hydra_plugins.hydra_trial import confirmed_number, listening

from ._backlog import Backlog
from ._client import client_for, point_to
from ._delivery import deliver, open_run, say_left_out
from ._end import End, end_of
from ._model import SEARCHED, NoModel
from ._payload import clean_key, now, numbers_in, params_of
from ._reach import beside_a_job, breaker_of
from ._record import JOB_KEY, JobRecord, SearchRecord
from ._resolved import choices_of, save_resolved_config, task_config
from ._upstream import active_run
from ._values import INT64, log_values
from .config import Settings

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from mlflow.entities import Run
    from omegaconf import DictConfig

log = logging.getLogger(__name__)

SECONDS_BETWEEN_SENDS = 5.0
# A job that lasts longer is seen in MLflow while it runs.
SECONDS_UNSEEN = 2.0


class JobRun:
    """One job on its way into MLflow. Its record on disk comes first; no job waits for the server that it does not use.

    The run is made when the job first asks MLflow for it, or lasts long enough to be looked at, or else after its end.
    """

    def __init__(self, settings: Settings, record: JobRecord, directory: Path, secrets: Secrets) -> None:
        self.settings, self.secrets = settings, secrets
        self.record, self.directory = record, directory
        self._n_sent = 0
        point_to(settings)
        self._breaker = breaker_of(settings.tracking_uri)
        self._run: Run | None = None
        self._opening = threading.Lock()
        self._left_open: list[str] = []
        self._subscriptions = ExitStack()

    @classmethod
    def open(cls, settings: Settings, search: SearchRecord | None, config: "DictConfig") -> "JobRun":
        """Write the record, and let the run be the active one of this process, though it may not be made yet."""
        secrets = secrets_of_job(config)
        resolved = {key: secrets.tree(value, key) for key, value in task_config(config).items()}
        record = new_record(settings, search, config, resolved, secrets)
        job = cls(settings, record, Path(config.hydra.runtime.output_dir), secrets)
        record.save(job.directory)
        save_resolved_config(resolved, job.directory / (config.hydra.output_subdir or ""))
        # An id left by an outer MLflow program would make this job write into that program's run.
        os.environ.pop("MLFLOW_RUN_ID", None)
        job._activate()
        job._subscriptions.enter_context(listening(job.report))
        job._subscriptions.enter_context(every(SECONDS_BETWEEN_SENDS, job.show, "mlflow-live", first=SECONDS_UNSEEN))
        return job

    def _activate(self) -> None:
        from mlflow.environment_variables import MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING

        from ._active_run import PendingRun, in_experiment, system_metrics

        self._subscriptions.enter_context(in_experiment(self.settings.experiment_id))
        self._left_open = self._subscriptions.enter_context(active_run(PendingRun(self.run)))
        if MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING.get():  # type: ignore[no-untyped-call]
            try:
                self._subscriptions.enter_context(system_metrics(str(self.run().info.run_id)))
            except Exception as error:  # see show()
                self._breaker.note(error)
                log.warning("There are no system metrics of %s: %s", self.record.name, error)

    def run(self) -> "Run":
        """Return the job's run, made now if need be. Raises what a server or a network can raise."""
        with self._opening:
            if self._run is None:
                self._run = open_run(client_for(self.settings), self.settings, self.record, self.directory)
            return self._run

    def report(self, value: float, step: int) -> None:
        """Keep an intermediate value."""
        self.record.metrics.append((clean_key(self.settings.metrics[0]), value, now(), step))

    def show(self) -> None:
        """Send what is new: the parameters of a job that takes its time, and its curve as far as it is."""
        n_metrics = len(self.record.metrics)
        params = {} if self.record.params_sent else self.record.params
        new = self.record.metrics[self._n_sent : n_metrics]
        if not (new or params) or self._breaker.is_open():
            return
        try:
            with beside_a_job(self.settings.tracking_uri):
                left_out = log_values(client_for(self.settings), str(self.run().info.run_id), new, params)
            say_left_out(self.record.name, left_out)
            self._n_sent, self.record.params_sent = n_metrics, True
        except Exception as error:  # anything a server or a network can raise: the job goes on without
            self._breaker.note(error)
            log.warning("MLflow is gone; %s goes on and is recorded later: %s", self.record.name, error)

    def close(self, job_return: "JobReturn", backlog: Backlog | None = None) -> None:
        """Write the end down; the run ends FINISHED, FAILED or KILLED, never as another's.

        Args:
            job_return: the job's own end.
            backlog: sends the record beside the next job; without one it is sent here, as is one with a model, which
                MLflow takes from no thread but the job's own.

        Raises:
            SearchError: a model was to be registered, but there is none, or no server.
        """
        self._subscriptions.close()
        try:
            self.directory.mkdir(parents=True, exist_ok=True)  # the job may have taken it away
            end = end_of(job_return, self.settings)
            end = End(end.status, end.values, end.error and self.secrets.text(end.error), end.pruned)
            conclude(self.settings, self.record, self.directory, end)
            is_new = backlog is None and not self.record.is_asked_for
            self.record.is_asked_for |= is_new  # one write says both that the job has ended and what comes next
            self.record.save(self.directory)
            for run_id in {*self._left_open} - {self.record.run_id}:  # the job itself has opened them
                client_for(self.settings).set_terminated(run_id, self.record.status)
            is_complete = True
        except Exception as error:  # see show()
            self._say_later(error)
            is_complete = is_new = False
        if is_complete and backlog and not (self.settings.log_model and (self.directory / MODEL).is_file()):
            backlog.put(self._send)
        elif is_complete:
            self._send(is_new)
        if self.settings.register_model and not self.record.sent:
            raise SearchError(
                f"{self.settings.named('register_model')}: nothing is registered, since MLflow can't be reached. "
                "When it is back, run the same command again."
            )

    def _send(self, is_new: bool = False) -> None:
        """Deliver the record if the server answers; else the end of the search, or a later command, does."""
        if self._breaker.is_open():
            why = "it has not answered before, and is asked again after a while"
            log.warning("MLflow can't be reached; %s is recorded later: %s", self.record.name, why)
            return
        try:
            deliver(self.settings, self.record, self.directory, is_new=is_new)
        except NoModel:
            raise
        except Exception as error:  # see show()
            self._say_later(error)

    def _say_later(self, error: Exception) -> None:
        self._breaker.note(error)
        log.warning("MLflow can't take %s now; it is recorded later: %s", self.record.name, error)


def new_record(
    settings: Settings, search: SearchRecord | None, config: "DictConfig", resolved: dict[str, object], secrets: Secrets
) -> JobRecord:
    """Describe the job that is about to start. The parameters are its resolved configuration, without the secrets."""
    in_search = search is not None and config.hydra.mode == RunMode.MULTIRUN
    number = int(config.hydra.job.num) if in_search else None
    fixed = search.fixed_keys if search is not None and in_search else ()
    record = JobRecord(
        name=f"trial-{number}" if in_search else settings.single_run_name or settings.run_name,
        number=number,
        start_time=now(),
        params=params_of(resolved, settings.exclude_params),
        tags=choices_of(config, settings) | {key: secrets.of_key(key, tag) for key, tag in settings.tags.items()},
        overrides=[secrets.override(s) for s in task_overrides(config) if s.partition("=")[0] not in fixed],
        confirms=confirmed_number(),
        is_masked=bool(secrets.keys),
    )
    record.params |= searched_groups(record)
    if search is not None and in_search:
        record.tags[SEARCHED] = json.dumps(record.overrides)
        record.parent_run_id, record.sweep = search.run_id, search.sweep
        record.place = os.path.normpath(subdir_of(config))
        record.tags |= search.tags | {"mlflow.parentRunId": search.run_id, "study_name": settings.run_name}
    if record.confirms is not None:
        record.tags[CONFIRMS] = str(record.confirms)
    record.tags[JOB_KEY] = record.key
    return record


def searched_groups(record: JobRecord) -> dict[str, str]:
    """Return the config groups among the overrides as parameters, `model: svm`: MLflow compares runs by parameters."""
    keys = {clean_key(line.partition("=")[0].lstrip("+")) for line in record.overrides}
    return {group: option for group, option in record.tags.items() if group in keys}


def conclude(settings: Settings, record: JobRecord, directory: Path, end: End) -> None:
    """Complete the record: its end, and its metrics with those that the job has left in metrics.json."""
    record.end_time = now()
    record.status, record.values, record.error, record.pruned = end.status, list(end.values), end.error, end.pruned
    results = dict(zip(map(clean_key, settings.metrics), record.values, strict=False))
    metrics_file = directory / METRICS
    if metrics_file.is_file():
        try:
            results = numbers_in(metrics_file.read_text(encoding="utf-8")) | results
        except (OSError, ValueError, RecursionError) as error:
            log.warning("%s is no record of metrics: %s", metrics_file, error)
    if record.number is not None:
        results["trial_number"] = float(record.number)
    results["duration_seconds"] = (record.end_time - record.start_time) / 1000
    # Of two values of one step, MLflow takes the later one for the latest, and of one millisecond the larger one.
    last_step = max((step for *_, step in record.metrics if step in INT64), default=0)
    after_all = max([record.end_time, *(time + 1 for _, _, time, _ in record.metrics)])
    record.metrics += [(key, value, after_all, last_step) for key, value in results.items()]
