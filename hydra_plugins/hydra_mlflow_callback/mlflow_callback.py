"""The callback itself: a doorway. MLflow is imported when the first event arrives, not at Hydra's start-up."""

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from hydra.plugins.sweeper import Sweeper
from omegaconf import OmegaConf

from hydra_plugins.hydra_search.errors import SearchError, is_refusal
from hydra_plugins.hydra_search.hydra_line import hear_of_failure
from hydra_plugins.hydra_search.jobs import WORKER_IMPORTS, is_dry_run, let_others_refuse, refuse_search
from hydra_plugins.hydra_search.owner import Owner, every
from hydra_plugins.hydra_search.settings import plugin_class
from hydra_plugins.hydra_search.signals import Cancelled
from hydra_plugins.hydra_search.waiting import said_if_slow

from .config import Settings, checked

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from omegaconf import DictConfig

    from ._backlog import Backlog
    from ._job_run import JobRun
    from ._record import SearchRecord


class MLflowCallback(Callback):
    """Opens the parent run of a search, and a nested run for each of its jobs; a plain run for a single job.

    The object travels to the workers inside Hydra's context, so it holds plain values only.
    """

    def __init__(self, enabled: bool = True, **options: Any) -> None:  # Any: what YAML holds, plain in Settings
        self.enabled = enabled
        self.settings = Settings.from_options(options)
        self.search: SearchRecord | None = None
        self._started_by = Owner.me()
        self._job: JobRun | None = None
        self._backlog: Backlog | None = None  # of a worker, which says when it ends
        self._live: ExitStack | None = None
        self._directory = Path()

    def __getstate__(self) -> dict[str, Any]:  # Any: pickle's own type
        return self.__dict__ | {"_job": None, "_live": None, "_backlog": None}

    def on_run_start(self, config: "DictConfig", **kwargs: Any) -> None:
        """Make sure that there is something to record to, before the job starts."""
        with _one_message():
            self._open_experiment(config)

    def on_multirun_start(self, config: "DictConfig", **kwargs: Any) -> None:
        """Make the database, the experiment and the parent run while there is only one process."""
        with _one_message():
            if self.enabled:  # a search that is refused touches no run
                WORKER_IMPORTS.extend(imports_for(self.settings.tracking_uri))
                let_others_refuse(config)
                refuse_search(config)
            if is_dry_run(config):
                self._say_where(config)
                return
            self._open_experiment(config)
            if self.enabled:
                self._open_search(config)
                target = OmegaConf.select(config, "hydra.sweeper._target_")
                if sweeper := plugin_class(Sweeper, str(target)):
                    hear_of_failure(sweeper, lambda: self.on_multirun_end(config))

    def _say_where(self, config: "DictConfig") -> None:
        """Check the settings, and say where the search would be recorded. Nothing is made."""
        self.settings = checked(self.settings, config, enabled=self.enabled)
        if self.enabled:
            from ._parent import place_of

            log.info("MLflow: %s", place_of(self.settings))

    def _open_experiment(self, config: "DictConfig") -> None:
        self.settings = checked(self.settings, config, enabled=self.enabled)
        if self.enabled:
            from ._client import open_experiment

            self.settings = open_experiment(self.settings)

    def _open_search(self, config: "DictConfig") -> None:
        from ._client import reaching
        from ._search_run import SECONDS_BETWEEN_LOOKS, LiveCurve, open_search

        with reaching(self.settings), said_if_slow("Opening the run of the search in MLflow"):
            self.search = open_search(self.settings, config)
        self._directory = Path(config.hydra.sweep.dir).absolute()  # a job may change the working directory
        curve = LiveCurve(self.search, self._directory)
        self._live = ExitStack()
        self._live.enter_context(every(SECONDS_BETWEEN_LOOKS, curve.show, "mlflow-curve"))

    def on_worker_start(self) -> None:
        """Refuse, by ValueError, a worker on a machine that does not see the store: its SQLite would make a new one.

        A server that is away is no reason: jobs go on without it. See hydra_search's ChecksWorker.
        """
        if self.enabled:
            from ._backlog import Backlog
            from ._client import check_worker
            from ._reach import is_sqlite

            check_worker(self.settings, elsewhere=not self._started_by.is_here())
            # A file is written at once. A thread would gain a hundredth, and a job that forks meanwhile a child that
            # waits for ever: SQLite's own locks are copied as they are, with nobody to release them.
            self._backlog = None if is_sqlite(self.settings.tracking_uri) else Backlog(self.settings.tracking_uri)

    def on_worker_end(self) -> None:
        """Send what is left. What takes too long is left to the end of the search. See hydra_search's EndsWorker."""
        if self._backlog:
            self._backlog.end(self.settings.delivery_timeout)
        self._backlog = None  # not sooner: where Ctrl-C comes between, `on_multirun_end` is to know of it

    def on_job_start(self, config: "DictConfig", **kwargs: Any) -> None:
        """Open the job's run and make it the active one, so that `mlflow.log_*` in the job lands there."""
        if self.enabled:
            from ._job_run import JobRun

            self._job = JobRun.open(self.settings, self.search, config)

    def on_job_end(self, config: "DictConfig", job_return: "JobReturn", **kwargs: Any) -> None:
        """Close the job's run with what it has to show."""
        job, self._job = self._job, None
        if job:
            with _one_message():
                job.close(job_return, self._backlog)

    def on_run_end(self, config: "DictConfig", **kwargs: Any) -> None:
        """Say where a single run stands."""
        if self.settings.experiment_id:
            from ._client import ui_command

            log.info("Look at the run: %s", ui_command(self.settings))

    def on_multirun_end(self, config: "DictConfig", **kwargs: Any) -> None:
        """Deliver what could not be sent before, close what was left open, and say how the jobs ended."""
        error = sys.exc_info()[1]  # Hydra calls this in a `finally`
        if self._backlog:  # of a worker in this process that was interrupted: what it sends is not to be sent twice
            self._backlog.end(seconds=0)
        if self._live:
            self._live.close()
        if self.search and is_refusal(error):
            _withdraw(self.search, self._directory)
        elif self.search:
            missing = _what_is_missing(self.search, self._directory, status_after(error))
            if missing and error is None:
                raise SystemExit(missing)
            if missing:
                log.error(missing)  # and the search's own error decides the exit status


def imports_for(tracking_uri: str) -> tuple[str, ...]:
    """Return the modules that a worker needs for what it sends there: a database's take a third of a second more."""
    store = "rest_store" if tracking_uri.startswith("http") else "sqlalchemy_store"
    return "mlflow", "mlflow.tracking", f"mlflow.store.tracking.{store}"


def _withdraw(search: "SearchRecord", directory: Path) -> None:
    from ._client import connect
    from ._parent import withdraw

    try:
        withdraw(connect(search.settings), search, directory)
    except Exception as failure:  # a server that is gone, a disk that is full: the refusal itself is said already
        log.warning("The run of a search that was refused could not be taken back: %s", failure)


@contextmanager
def _one_message() -> Iterator[None]:
    """End the program with one message and status 1. Hydra would turn an Exception of a callback into a warning."""
    try:
        yield
    except SearchError as error:
        raise SystemExit(str(error)) from None


def _what_is_missing(search: "SearchRecord", directory: Path, status: str) -> str:
    """Close the search; return what to say if MLflow lacks some of it. Hydra would make a warning of an error."""
    from ._search_run import close_search

    try:
        close_search(search, directory, status, search.settings.delivery_timeout)
    except SearchError as error:
        return str(error)
    except Exception as error:  # a disk that is full, a folder that is gone
        return f"The search is not recorded to its end ({type(error).__name__}: {error})."
    return ""


def status_after(error: BaseException | None) -> str:
    """Return how a search ended that was left by this exception: interrupted, or failed by a message or a status.

    Who cancels a search interrupts it from elsewhere.
    """
    if error is None:
        return "FINISHED"
    by_signal = isinstance(error, Cancelled) or (
        isinstance(error, SystemExit) and isinstance(error.code, int) and error.code > 128
    )
    return "FAILED" if isinstance(error, (Exception, SystemExit)) and not by_signal else "KILLED"
