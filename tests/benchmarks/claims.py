"""A thousand workers at one study: how many trials they claim a second, and whether ever two claim the same.

    python tests/benchmarks/claims.py [N_WORKERS] [--ask]

"by Optuna" is the same queue in the same server, where each worker reads and writes through Optuna's own methods.
`--ask` measures one worker instead: a claim, TPE's draw of three parameters and a tell, beside N_WORKERS that run and
as many trials that have finished.

The workers are simulated: a few processes act for all of them in turn. Each worker holds a trial; whoever has held one
longest ends it and claims the next. So the storage sees a thousand running trials, and claims as fast as they
can be served; real workers, whose trials take T seconds, claim N / T trials a second. The rate is that of this machine:
server and workers share its cores, and most of the time goes into the workers' own reading of the running trials.
"""

import sys
import tempfile
import time
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
from measured import ROOT  # noqa: F401  # makes the project importable
from optuna import Study, Trial
from optuna.distributions import FloatDistribution
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage, get_storage
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper.search._queue import TrialQueue
from hydra_plugins.hydra_optuna_async_sweeper.search._spec import Search
from hydra_plugins.hydra_optuna_async_sweeper.storage._journal import Journal
from hydra_plugins.hydra_optuna_async_sweeper.storage._postgresql import (
    AdvisoryLock,
    Connect,
    PostgreSQL,
    one_connection,
)
from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import database_at
from hydra_plugins.hydra_optuna_async_sweeper.storage._retry import RetryingStorage
from hydra_plugins.hydra_optuna_async_sweeper.storage._storage import StudyStorage
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.trials import QUEUED, WORKER
from tests.postgresql import PostgreSQLServer, server_programs
from tests.sweeps import made_up_search

PROCESSES = 4


class ByOptuna(PostgreSQL):
    """The server as any database: what the contract does for all of them."""

    look_at_queue, claim, add_waiting = StudyStorage.look_at_queue, StudyStorage.claim, StudyStorage.add_waiting
    attributes = StudyStorage.attributes

    def open(self) -> BaseStorage:
        """Open it as Optuna does."""
        database = self.without_retry(super().open()).database  # type: ignore[attr-defined]  # of our own storage
        return RetryingStorage(get_storage(database))  # type: ignore[return-value]  # has what a BaseStorage has

    def queue_lock(self, path: Path, storage: BaseStorage) -> AbstractContextManager[object]:
        """Return the server's lock, by a connection of its own."""
        connect = Connect(self.url)
        return AdvisoryLock(one_connection(connect), connect)


def search(storage: StudyStorage, folder: str, n_workers: int) -> Search:
    """Return a search with one and a half trials for each worker, and enough more to be counted."""
    return made_up_search(Path(folder), storage=storage, n_trials=3 * n_workers // 2 + 450, n_jobs=n_workers)


def act(description: Search) -> tuple[list[int], float]:
    """Claim trials for this process's share of the workers until none is left; return their numbers, and the rate.

    The rate is that of a process whose workers all hold a trial, in trials per second.
    """
    queue = TrialQueue(description, description.storage.open())
    claimed: list[int] = []
    held: deque[int] = deque()
    full_at, n_full = 0.0, 0
    while trial := queue.claim():
        claimed.append(trial.number)
        held.append(trial._trial_id)
        if len(held) == description.n_jobs // PROCESSES:
            full_at = full_at or time.perf_counter()
            n_full += 1
            queue.storage.set_trial_state_values(held.popleft(), TrialState.COMPLETE, [0.0])
    seconds = time.perf_counter() - full_at
    for number in held:
        queue.storage.set_trial_state_values(number, TrialState.COMPLETE, [0.0])
    return claimed, n_full / seconds


def measure(name: str, storage: StudyStorage, folder: str, n_workers: int) -> float:
    """Print one row of the table, and return the rate."""
    description = search(storage, folder, n_workers)
    opened = description.storage.open()
    opened.create_new_study([StudyDirection.MAXIMIZE], "s")
    TrialQueue(description, opened).fill()
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes:
        list(processes.map(len, ["warm"] * PROCESSES))
        parts = list(processes.map(act, [description] * PROCESSES))
    claimed = [number for part, _ in parts for number in part]
    twice, rate = len(claimed) - len(set(claimed)), sum(rate for _, rate in parts)
    print(f"| {name} | {n_workers} | {len(claimed)} | {rate:.0f} | {twice} |", flush=True)
    return rate


def ask(name: str, storage: StudyStorage, folder: str, n_workers: int, rounds: int = 10) -> float:
    """Print how long a claim, a draw and a tell take where so many trials run and have finished; return that, in ms."""
    description = replace(search(storage, folder, n_workers), n_trials=2 * n_workers + rounds + 1)
    opened = description.storage.open()
    study_id = opened.create_new_study([StudyDirection.MAXIMIZE], "s")
    queue = TrialQueue(description, opened)
    distributions = {name: FloatDistribution(0, 1) for name in "xyz"}
    points = np.random.default_rng(0).random((2 * n_workers, len(distributions)))
    for number, point in enumerate(points):
        state = TrialState.COMPLETE if number < n_workers else TrialState.RUNNING
        value = float(point.sum()) if state is TrialState.COMPLETE else None
        attributes = {QUEUED: True, WORKER: Owner.me().as_attribute()}
        params = dict(zip(distributions, map(float, point), strict=True))
        made = create_trial(state=state, value=value, params=params, distributions=distributions, user_attrs=attributes)
        opened.create_new_trial(study_id, made)
    seconds = []
    for number in range(rounds + 1):
        start = time.perf_counter()
        claimed = queue.claim()
        trial = Trial(Study("s", opened, TPESampler(seed=number)), claimed._trial_id)
        value = sum(trial.suggest_float(name, 0, 1) for name in distributions)
        opened.set_trial_state_values(claimed._trial_id, TrialState.COMPLETE, [value])
        seconds.append(time.perf_counter() - start)
    milliseconds = 1000 * median(seconds[1:])
    print(f"| {name} | {n_workers} | {milliseconds:.0f} |", flush=True)
    return milliseconds


def main(n_workers: int, is_ask: bool) -> None:
    """Measure the journal and PostgreSQL."""
    if not is_ask:
        print("| storage | workers | trials | claimed and ended per second | claimed twice |\n|---|---|---|---|---|")
        with tempfile.TemporaryDirectory() as folder:
            measure("journal", Journal(Path(folder, "journal.log")), folder, n_workers)
    programs = server_programs()
    if programs is None:
        print("| postgresql | not measured: there is no server |")
        return
    server = PostgreSQLServer(programs)
    results = []
    try:
        server.start()
        if is_ask:
            print("| storage | running, and finished | claim, draw and tell, ms |\n|---|---|---|")
        for name, kind in {"postgresql": PostgreSQL, "postgresql, by Optuna": ByOptuna}.items():
            with tempfile.TemporaryDirectory() as folder:
                storage = kind(database_at(server.new_database()).url)
                results.append((ask if is_ask else measure)(name, storage, folder, n_workers))
    finally:
        server.stop()
    ours, optunas = results
    print(f"\nby Optuna / ours: {optunas / ours:.1f}" if is_ask else f"\nours / by Optuna: {ours / optunas:.1f}")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    main(numbers[0] if numbers else 1000, "--ask" in sys.argv)
