"""The Hydra callback that refuses bad input before the first job, and results that are no numbers after each."""

import logging
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from ._search import Search
    from ._sweep_dir import Claim

log = logging.getLogger(__name__)

OWN_SWEEPER = "hydra_plugins.hydra_optuna_async_sweeper."
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM


class PreflightCallback(Callback):
    """Ends the program with one message, and status 1, when the search can't be run.

    Hydra turns an exception of a callback into a warning, so this one leaves by SystemExit.

    Args:
        check: the application's own check of a job's config (without hydra's node), which refuses it by ValueError
            or OSError; called before the first job, in single runs too.
        metric: name, or list of names, of what the job returns.
        timeout: seconds after which the search should stop; refused where the sweeper has no such setting.
    """

    def __init__(
        self, check: Callable[[DictConfig], None] | None = None, metric: Any = None, timeout: float | None = None
    ) -> None:
        self.check = check
        self.metric = OmegaConf.to_container(metric) if OmegaConf.is_config(metric) else metric
        self.timeout = timeout
        self.search: Search | None = None  # what the asynchronous sweeper need not prepare again
        self._claim: Claim | None = None
        self._on_sigterm: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what only the process that started the search needs: workers can't always pickle it."""
        return {**self.__dict__, "check": None, "search": None, "_claim": None, "_on_sigterm": None}

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the job's config."""
        from ._jobs import check_job

        with _one_message():
            check_job(config, self.check)

    def on_run_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Leave without a traceback when interrupted."""
        _leave_if_interrupted("run")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check everything, then claim the sweep directory, unless the sweeper resumes what stands there."""
        loader = GlobalHydra.instance().config_loader()
        with _one_message():
            if config.hydra.sweeper._target_.startswith(OWN_SWEEPER):
                from ._preparation import prepare_search

                self.search = prepare_search(config, loader, check=self.check, metric=self.metric)
            else:
                from ._preflight import check_search
                from ._sweep_dir import claim_sweep_dir

                check_search(config, loader, check=self.check, metric=self.metric, timeout=self.timeout)
                self._claim = claim_sweep_dir(config)
        if threading.current_thread() is threading.main_thread():
            self._on_sigterm = signal.signal(signal.SIGTERM, _terminate)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Turn a job of an optimizing sweep into a failed one if its result can't be compared."""
        if config.hydra.mode is RunMode.MULTIRUN and job_return.status is JobStatus.COMPLETED:
            _fail_if_no_objective(config, job_return)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Give up an unused sweep directory, restore the signal handler, leave without a traceback when interrupted."""
        if self._on_sigterm is not None:
            signal.signal(signal.SIGTERM, self._on_sigterm)
            self._on_sigterm = None
        if self._claim is not None:
            from ._sweep_dir import release_if_unused

            release_if_unused(self._claim)
            self._claim = None
        _leave_if_interrupted("search")


def _fail_if_no_objective(config: DictConfig, job_return: JobReturn) -> None:
    from hydra_plugins.hydra_trial import InvalidObjective, objective_values

    from ._settings import n_objectives

    count = n_objectives(config)
    if count is None:
        return
    try:
        objective_values(job_return.return_value, count)
    except InvalidObjective as error:
        log.error(f"Job {config.hydra.job.num} failed: {error}")
        job_return.status = JobStatus.FAILED
        job_return.return_value = error


def _leave_if_interrupted(what: str) -> None:
    # Hydra calls the end hooks in a `finally`, where the exception under way can still be seen.
    error = sys.exc_info()[1]
    if isinstance(error, KeyboardInterrupt):
        sys.stderr.write(f"The {what} was interrupted.\n")
        raise SystemExit(INTERRUPTED) from None


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    sys.stderr.write("The search was terminated.\n")
    raise SystemExit(TERMINATED)


@contextmanager
def _one_message() -> Iterator[None]:
    from ._search_space import BadInput

    try:
        yield
    except BadInput as error:
        raise SystemExit(str(error)) from None
    except Exception:  # Hydra would only warn, and start an unchecked search
        traceback.print_exc()
        raise SystemExit(1) from None
