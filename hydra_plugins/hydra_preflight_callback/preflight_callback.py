"""The Hydra callback that refuses bad input before the first job, and results that are no numbers after each."""

import logging
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_search.claims import Claim, release_if_unused
from hydra_plugins.hydra_search.errors import BadInput, InvalidObjective
from hydra_plugins.hydra_search.hydra_line import register_resolver, store
from hydra_plugins.hydra_search.jobs import check_job, refuse_search
from hydra_plugins.hydra_search.results import objective_values
from hydra_plugins.hydra_search.settings import check_directory, n_objectives
from hydra_plugins.hydra_search.signals import Terminated, terminable

log = logging.getLogger(__name__)

INTERRUPTED = 128 + signal.SIGINT


@dataclass
class PreflightCallbackConf:
    """Checks the search before its first job. Listed before other callbacks, it also keeps these from starting."""

    # by its first name, which applications have in their whitelists
    _target_: str = "hydra_plugins.hydra_optuna_async_sweeper.preflight_callback.PreflightCallback"

    # the application's own check of a job's config, called before the first job:
    # {_target_: app.check, _partial_: true}, a function of the config (without hydra's node) that refuses it by
    # ValueError or OSError; called in single runs too
    # e.g. {_target_: my_package.check, _partial_: true}
    check: Any = None

    # name, or list of names, of what the job returns; as many as there are directions
    # e.g. accuracy
    metric: Any = None

    # seconds after which the search should stop; refused where the sweeper has no such setting
    # e.g. 3600
    timeout: Any = None

    # checks every callback before Hydra makes the others; leave it
    checked: Any = "${checked_callbacks:}"


def _check_callbacks(_root_: DictConfig) -> None:
    from ._callbacks import check_callbacks

    check_callbacks(_root_.hydra.callbacks)


register_resolver("checked_callbacks", _check_callbacks)

# A YAML option hides the entry of its name, and its schema with it; `preflight_schema` stays reachable for that option.
for _name in ("preflight", "preflight_schema"):
    store("hydra/callbacks", _name, {"preflight": PreflightCallbackConf}, "hydra_preflight_callback")


class PreflightCallback(Callback):
    """Ends the program with one message, and status 1, when the search can't be run.

    Hydra turns an exception of a callback into a warning, so this one leaves by SystemExit. The options:
    PreflightCallbackConf.
    """

    # the search that was not refused, and its directory where this callback has taken it; of the process
    _passed: ClassVar["tuple[DictConfig, Claim | None] | None"] = None

    def __init__(
        self,
        check: Callable[[DictConfig], None] | None = None,
        metric: Any = None,
        timeout: float | None = None,
        checked: None = None,
    ) -> None:
        self.check = check
        self.metric = OmegaConf.to_container(metric) if OmegaConf.is_config(metric) else metric
        self.timeout = timeout
        self._search = ExitStack()

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what only the process that started the search needs: workers can't always pickle it."""
        return {**self.__dict__, "check": None, "_search": None}

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the job's config, and that its directory can be made."""
        with _one_message():
            check_directory("hydra.run.dir", Path(config.hydra.run.dir), config.hydra.run.dir)
            check_job(config, self.check)

    def on_run_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Leave without a traceback when interrupted."""
        _leave_if_interrupted("run")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check everything; a sweeper that can't go on with a search needs a sweep directory of its own."""
        with _one_message():
            self.refuse(config)
        self._search.enter_context(terminable())

    def refuse(self, config: DictConfig) -> None:
        """Check the search, and take its directory: once, whichever callback asks. See RefusesSearch."""
        if self._passed and self._passed[0] is config:
            return
        claim = None
        if not refuse_search(config, self.check):
            from ._other_sweepers import check_search, claim_sweep_dir

            loader = GlobalHydra.instance().config_loader()
            check_search(config, loader, check=self.check, metric=self.metric, timeout=self.timeout)
            claim = claim_sweep_dir(config)
        type(self)._passed = (config, claim)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Turn a job of an optimizing sweep into a failed one if its result can't be compared."""
        if config.hydra.mode is RunMode.MULTIRUN and job_return.status is JobStatus.COMPLETED:
            _fail_if_no_objective(config, job_return)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Remove an unused sweep directory, restore the signal handler, leave without a traceback when interrupted."""
        self._search.close()
        _, claim = self._passed or (config, None)
        type(self)._passed = None
        if claim is not None:
            release_if_unused(claim)
        _leave_if_interrupted("search")


def _fail_if_no_objective(config: DictConfig, job_return: JobReturn) -> None:
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
    if isinstance(error, Terminated):
        sys.stderr.write(f"The {what} was terminated.\n")
    if isinstance(error, KeyboardInterrupt):
        sys.stderr.write(f"The {what} was interrupted.\n")
        raise SystemExit(INTERRUPTED) from None


@contextmanager
def _one_message() -> Iterator[None]:
    try:
        yield
    except BadInput as error:
        raise SystemExit(str(error)) from None
    except Exception:  # Hydra would only warn, and start an unchecked search
        traceback.print_exc()
        raise SystemExit(1) from None
