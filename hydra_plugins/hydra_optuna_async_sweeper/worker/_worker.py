"""A worker: a process that claims a trial, runs it, and claims the next, until there is none."""

import gc
import logging
import os
import socket
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.hydra_search.errors import CantStart
from hydra_plugins.hydra_search.hydra_line import set_up_logging
from hydra_plugins.hydra_search.jobs import ChecksWorker, EndsWorker
from hydra_plugins.hydra_search.signals import Terminated, terminable_worker
from hydra_plugins.hydra_search.urls import is_dead_loopback, missing_variable

from .._upstream import pickled_resolvers, register_resolvers
from ..search._queue import TrialQueue
from ._gpu import take_device
from ._main_module import MainModule
from ._pulse import is_apart
from ._trial import TrialRunner

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hydra.experimental.callback import Callback
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig
    from optuna.storages import BaseStorage

    from ..search._spec import Search

log = logging.getLogger(__name__)


@dataclass
class Worker:
    """The task function that the launcher is given in place of the user's, which travels inside."""

    search: "Search"
    config: "DictConfig"
    hydra_context: "HydraContext"
    task_function: "TaskFunction"

    def __getstate__(self) -> dict[str, Any]:  # Any: pickle's own type
        """Travel with the resolvers of the application, which its configuration needs, and with its `__main__`."""
        return self.__dict__ | {"resolvers": pickled_resolvers(), "main": MainModule.here()}

    def __setstate__(self, state: dict[str, Any]) -> None:  # Any: as above
        """Register and install them."""
        register_resolvers(state.pop("resolvers"))
        state.pop("main").install()
        self.__dict__.update(state)

    def __call__(self, _: "DictConfig") -> int:
        """Run trials until none is left, or this process alone is told to end. Returns how many.

        Raises:
            CantStart: this machine does not see what a worker needs.
        """
        enter_folder(self.config.hydra.runtime.cwd)
        check_worker(self.search, self.hydra_context.callbacks.callbacks)
        if self.search.devices is not None:
            take_device(self.search.devices, Path(self.search.sweep_dir))
        with self.search.storage.opened() as storage:
            return self._run_trials(storage)

    def _run_trials(self, storage: "BaseStorage") -> int:
        queue = TrialQueue(self.search, storage)
        runner = TrialRunner(self.search, self.config, self.hydra_context, self.task_function, queue)
        self.restore_log()
        gc.freeze()  # what is loaded stays; collecting it at exit would take a tenth of a second
        apart = is_apart(self.search)  # else the sweeper runs in this process too, and is to end as well
        count = 0
        with terminable_worker() if apart else nullcontext():
            try:
                while self.is_wanted() and (trial := queue.claim()):
                    end = runner.run(trial)
                    queue.note_closed(trial)
                    self.leave_job(end)
                    count += 1
                self._say_end()
            except Terminated as terminated:
                if not apart:
                    raise
                log.warning("This worker was told to end; its trial is requeued.")
                terminated.hand_on()
        return count

    def _say_end(self) -> None:
        for callback in self.hydra_context.callbacks.callbacks:
            if isinstance(callback, EndsWorker):
                callback.on_worker_end()

    def is_wanted(self) -> bool:
        """Tell whether the sweep that started this worker is still there; on another machine, believe so."""
        sweeper = self.search.sweeper
        return not sweeper.is_here() or sweeper.is_alive()

    def leave_job(self, end: str) -> None:
        """Say how the trial ended, if nobody has: in the sweep's own log, where lines are short."""
        self.restore_log()
        if end:
            log.info(end)

    def restore_log(self) -> None:
        """Log as Hydra does between jobs, not into the file of the last one."""
        hydra = self.config.hydra
        set_up_logging(hydra.hydra_logging, hydra.verbose, self.hydra_context)


def enter_folder(folder: str) -> None:
    """Work where the search was started, so that relative paths mean the same everywhere.

    A worker on a Ray cluster starts in the folder of its node. A machine without the folder needs absolute paths.
    """
    if Path(folder).is_dir():
        os.chdir(folder)


def check_worker(search: "Search", callbacks: "Iterable[Callback]") -> None:
    """Look before the first trial, which may run on another machine than the sweeper; callbacks look as well.

    Raises:
        CantStart: the sweep directory, the study, or what a callback needs is not there, as seen from this machine.
    """
    host, storage = socket.gethostname(), search.storage
    if not Path(search.sweep_dir).is_dir():
        raise CantStart(
            f"hydra.sweep.dir: must be on a disk that all workers share, got {search.sweep_dir}, which is not there on "
            f"{host}. Set hydra.sweep.dir, and start in a folder that every machine sees."
        )
    variable = missing_variable(storage.url)
    if variable is not None:
        raise CantStart(
            f"hydra.sweeper.storage: each worker takes its password from its own environment, got {storage.shown}, and "
            f"{variable} is not set on {host}. Set it there."
        )
    if storage.file is not None and not storage.file.exists():
        raise CantStart(
            f"hydra.sweeper.storage: must be where all workers reach it, got {storage.shown}, which is not there on "
            f"{host}. Put it on a shared disk, or name a database server."
        )
    if not search.sweeper.is_here() and is_dead_loopback(storage.url):
        raise CantStart(
            f"hydra.sweeper.storage: must be an address that all workers reach, got {storage.shown}, where nobody "
            f"answers on {host}. Write the name of the server's machine."
        )
    for callback in callbacks:
        if isinstance(callback, ChecksWorker):
            try:
                callback.on_worker_start()
            except ValueError as error:
                raise CantStart(str(error)) from error
