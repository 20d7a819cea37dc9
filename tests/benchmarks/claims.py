"""A thousand workers at one study: how many trials they claim a second, and whether ever two claim the same.

    python tests/benchmarks/claims.py [N_WORKERS]

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
from multiprocessing import get_context
from pathlib import Path

from measured import ROOT  # noqa: F401  # makes the project importable
from optuna.study import StudyDirection
from optuna.trial import TrialState

from hydra_plugins.hydra_optuna_async_sweeper.search._queue import TrialQueue
from hydra_plugins.hydra_optuna_async_sweeper.search._spec import Search
from hydra_plugins.hydra_optuna_async_sweeper.storage._journal import Journal
from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import database_at
from hydra_plugins.hydra_optuna_async_sweeper.storage._storage import StudyStorage
from tests.postgresql import PostgreSQLServer, server_programs
from tests.sweeps import made_up_search

PROCESSES = 4


def search(storage: StudyStorage, folder: str, n_workers: int) -> Search:
    """Return a search with one and a half trials for each worker."""
    return made_up_search(Path(folder), storage=storage, n_trials=3 * n_workers // 2, n_jobs=n_workers)


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


def measure(name: str, storage: StudyStorage, folder: str, n_workers: int) -> None:
    """Print one row of the table."""
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


def main(n_workers: int) -> None:
    """Measure the journal and PostgreSQL."""
    print("| storage | workers | trials | claimed and ended per second | claimed twice |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        measure("journal", Journal(Path(folder, "journal.log")), folder, n_workers)
    programs = server_programs()
    if programs is None:
        print("| postgresql | not measured: there is no server |")
        return
    server = PostgreSQLServer(programs)
    try:
        server.start()
        with tempfile.TemporaryDirectory() as folder:
            measure("postgresql", database_at(server.new_database()), folder, n_workers)
    finally:
        server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
