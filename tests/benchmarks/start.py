"""How long a search takes to begin, and how much memory it has: 2 workers, trials that do nothing.

    python tests/benchmarks/start.py [--trials 20] [--rounds 3]

Time to the first trial: from the start of the command to where the user's function begins, stamped there. Memory: the
largest sum of the proportional set sizes (PSS) of all processes; what they share counts once. Each round runs all
contestants, one after the other; all numbers are medians, and the ratios are those of the medians.

Contestants: a plain Optuna + MLflow script (its parallel trials are threads), this, and hydra-optuna-sweeper on joblib
with our callback; MLflow on a SQLite file, and off.
"""

import argparse
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from alternatives import SCRIPT, jobs
from measured import Measured, measure, sweep

Run = Callable[[Path], Measured]
UPSTREAM = "hydra-optuna-sweeper, 2 workers"


def contestants(n_trials: int) -> dict[str, Run]:
    """Return how to run each of them once, in a new directory."""

    def swept(sweeper: str, n_jobs: int, *, mlflow: bool) -> Run:
        overrides = jobs(n_jobs, n_trials)
        return lambda folder: sweep(sweeper, folder, *overrides, mlflow=mlflow, memory=True)

    script = [sys.executable, "-c", SCRIPT, "noop", str(n_trials), "2"]
    return {
        "plain script, 2 threads": lambda folder: measure(script, folder, memory=True),
        "this, 2 workers": swept("optuna_async", 2, mlflow=True),
        UPSTREAM: swept("optuna", 2, mlflow=True),
        "this, 1 worker": swept("optuna_async", 1, mlflow=True),
        "this, 2 workers, mlflow off": swept("optuna_async", 2, mlflow=False),
        f"{UPSTREAM}, mlflow off": swept("optuna", 2, mlflow=False),
    }


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--first", type=int, metavar="N", help="only the first N of the contestants, 3 or more")
    given = parser.parse_args()
    took: dict[str, list[Measured]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        for n in range(given.rounds):
            for who, run in list(contestants(given.trials).items())[: given.first]:
                took[who].append(run(Path(name, f"{who}-{n}")))
        first = {who: statistics.median(one.first_trial for one in all_of) for who, all_of in took.items()}
    memory = {who: statistics.median(one.peak_memory_mib for one in all_of) for who, all_of in took.items()}
    script = next(iter(first))
    heads = ("", "first trial, s", "beside the script", "wall, s", "peak memory, MiB", f"beside {UPSTREAM}")
    print(f"{given.trials} trials that do nothing, {given.rounds} rounds\n\n| {' | '.join(heads)} |\n{'|---' * 6}|")
    for who, all_of in took.items():
        start = f"{first[who]:.1f} | {first[who] / first[script]:.2f}"
        wall = statistics.median(one.seconds for one in all_of)
        print(f"| {who} | {start} | {wall:.1f} | {memory[who]:.0f} | {memory[who] / memory[UPSTREAM]:.2f} |")


if __name__ == "__main__":
    main()
