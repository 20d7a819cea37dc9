"""Workers on this machine, each a process of its own: one that dies takes nothing along.

joblib's pool ends all of its processes with one that was killed, and runs a single worker in the sweep's own.
"""

import atexit
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import cloudpickle
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher
from omegaconf import open_dict

from hydra_plugins.hydra_search.errors import bad_input
from hydra_plugins.hydra_search.jobs import WORKER_IMPORTS
from hydra_plugins.hydra_search.settings import plugin_class

from ._fork_server import CantFork, ForkServer
from ._process import Process, file_of, start

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from ..worker._worker import Worker

    Settings = Mapping[str, object]  # of the launcher

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 0.05
SECONDS_TO_END = 5.0
BACKENDS = ("loky", "multiprocessing")
OF_WORKERS = ("hydra_plugins.hydra_optuna_async_sweeper.worker._worker",)  # what each of them imports, Optuna included


@dataclass
class Processes:
    """The worker processes of a sweep."""

    worker: "Worker"
    # Set to have `launch` return: there may be work for more of them
    wake: threading.Event = field(default_factory=threading.Event)
    _processes: list[Process] = field(default_factory=list)
    _server: ForkServer | None = None
    _work: bytes = b""

    def n_running(self) -> int:
        """Return how many there are now."""
        return sum(process.handle.poll() is None for process in self._processes)

    def launch(self, n_workers: int, settings: "Settings") -> Sequence[JobReturn]:
        """Start so many workers more, as far as joblib would run them at once, and wait for all to end, or for `wake`.

        Raises:
            WorkerDied: one has; the others go on, and the next call waits for them.
        """
        wanted = self.worker.search.n_jobs
        at_once = n_at_once(wanted, settings)
        if self._server is None and at_once < wanted:
            asked, remedy = f"hydra.sweeper.n_jobs={wanted}", f"hydra.launcher.n_jobs={wanted}"
            log.info(f"Workers: {at_once} of {asked}, as hydra.launcher.n_jobs={settings['n_jobs']}; for all: {remedy}")
        env = os.environ | threads_of(settings, at_once)
        missing = min(n_workers, at_once - self.n_running())
        self._processes += [self._start(env) for _ in range(missing)]
        returns: list[JobReturn] = []
        while self._processes and not self.wake.wait(SECONDS_BETWEEN_LOOKS):
            for process in [process for process in self._processes if process.handle.poll() is not None]:
                self._processes.remove(process)
                returns.append(process.returned())
        self.wake.clear()
        return returns

    def end(self, patience: float) -> None:
        """Give the workers so many seconds to end by themselves, then end them."""
        self._wait(patience)
        for process in self._processes:
            process.handle.terminate()
        self._wait(SECONDS_TO_END)
        for process in self._processes:
            process.handle.kill()
        self._wait(SECONDS_TO_END)
        self._processes.clear()
        if self._server:
            self._server.close()

    def _start(self, env: Mapping[str, str]) -> Process:
        if self._server is None:
            self._server = _prepared.pop() if _prepared else ForkServer(start, env)
        before = self._server.env
        changed = {name: env.get(name) for name in {*env, *before} if env.get(name) != before.get(name)}
        self._work = self._work or cloudpickle.dumps(partial(_work, self.worker, Singleton.get_state(), changed))
        file = file_of(self._work)
        try:
            return Process(self._server.fork(file), file)
        except CantFork:
            return Process(start(file, env), file)

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.n_running() and time.monotonic() < deadline:
            time.sleep(SECONDS_BETWEEN_LOOKS)


def check_joblib(launcher: "DictConfig") -> None:
    """Refuse, by BadInput, settings of joblib's launcher that it does not take, or that mean nothing for workers.

    With ours the two backends that it takes are one.
    """
    kind, backend = plugin_class(Launcher, str(launcher.get("_target_"))), launcher.get("backend")
    if not kind or not issubclass(kind, JoblibLauncher):
        return
    if backend not in (None, *BACKENDS):
        rule, remedy = f"must be one of {', '.join(BACKENDS)}", "For threads set hydra.launcher.prefer=threads."
        raise bad_input("hydra.launcher.backend", backend, rule, remedy)
    if launcher.get("timeout") is not None:
        rule = "would end a worker, which runs one trial after the other, and not a job"
        remedy = "Set hydra.sweeper.trial_timeout for a job, hydra.sweeper.timeout for the search."
        raise bad_input("hydra.launcher.timeout", launcher.timeout, rule, remedy)


_prepared: list[ForkServer] = []  # at most one, which no sweep has taken yet


def prepare(launcher: "DictConfig", n_jobs: int) -> None:
    """Let a process import what workers need, from which they will be forked, beside all that comes before the search.

    To be called before this process imports the same, and again when it has found out what else they need.

    Args:
        launcher: its node of the configuration; nothing is done for one that starts its workers itself.
        n_jobs: the sweeper's.
    """
    kind = plugin_class(Launcher, str(launcher.get("_target_")))
    options = {str(key): launcher[key] for key in launcher if key != "_target_"}
    settings = _settings(kind, options) if kind else None
    if settings is None or sys.platform != "linux":
        return
    if not _prepared:
        _prepared.append(ForkServer(start, os.environ | threads_of(settings, n_at_once(n_jobs, settings))))
    _prepared[0].preload((*OF_WORKERS, *WORKER_IMPORTS))


@atexit.register
def _end_prepared() -> None:
    """Leave no process behind where the search was refused after all."""
    while _prepared:
        _prepared.pop().close()


def settings_of(launcher: Launcher) -> "Settings | None":
    """Return the settings of joblib's launcher; None of another one, which starts its workers itself.

    So does joblib's with threads, and a subclass that launches in its own way.
    """
    return _settings(type(launcher), launcher.joblib) if isinstance(launcher, JoblibLauncher) else None


def _settings(kind: type, settings: "Settings") -> "Settings | None":
    if not issubclass(kind, JoblibLauncher) or kind.launch is not JoblibLauncher.launch:
        return None
    asked = (settings.get("prefer"), settings.get("require"))
    return None if "threads" in asked or "sharedmem" in asked else settings


def n_at_once(n_jobs: int, settings: "Settings") -> int:
    """Return how many workers there may be at a time. joblib's own default, -1, leaves that to the sweeper."""
    from joblib import effective_n_jobs

    asked = settings["n_jobs"]
    return n_jobs if asked == -1 else min(n_jobs, int(effective_n_jobs(asked)))


def let_sweeper_decide(launcher: Launcher, n_jobs: int) -> None:
    """Let a launcher of joblib that starts its workers itself, as threads, have as many at a time as `n_at_once`."""
    if isinstance(launcher, JoblibLauncher):
        launcher.joblib["n_jobs"] = n_at_once(n_jobs, launcher.joblib)


def threads_of(settings: "Settings", n_processes: int) -> dict[str, str]:
    """Return the variables by which joblib keeps the processes from having more threads than there are cores."""
    from joblib import cpu_count
    from joblib.parallel import ParallelBackendBase

    given = settings.get("inner_max_num_threads")
    if given is None and n_processes == 1:
        return {}
    share = max(cpu_count() // n_processes, 1)
    names = ParallelBackendBase.MAX_NUM_THREADS_VARS
    variables = {name: str(given or os.environ.get(name, share)) for name in names}
    return {ParallelBackendBase.TBB_ENABLE_IPC_VAR: "1"} | variables


def _work(worker: "Worker", singletons: object, environment: Mapping[str, str | None]) -> bytes:
    """Run a worker in this process, as a launcher runs an item. Returns its JobReturn, pickled.

    Args:
        worker: the task.
        singletons: of Hydra, in the sweep's process.
        environment: what has changed there since this process, or the one that has forked it, was started.
    """
    for name, value in environment.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})
    from ..worker._job_config import item_context  # not sooner: Optuna comes with it, see `prepare`

    setup_globals()
    Singleton.set_state(singletons)
    context = item_context(worker.hydra_context)
    config = context.config_loader.load_sweep_config(worker.config, [])
    with open_dict(config):
        config.hydra.job.id, config.hydra.job.num = "0", 0
    HydraConfig.instance().set_config(config)
    returned = run_job(
        task_function=worker,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        hydra_context=context,
    )
    returned.cfg = returned.hydra_cfg = None
    dumped: bytes = cloudpickle.dumps(returned)
    return dumped
