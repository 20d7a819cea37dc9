"""CPU milliseconds of a trial that does nothing, of all processes together, beside a plain Optuna + MLflow script.

    python tests/benchmarks/cpu.py [--lengths 100,400] [--rounds 3]

The slope between two lengths, so that start and end cancel; the median of the rounds, in which the contestants take
turns. Random search: TPE's own arithmetic grows with the study. MLflow is on a SQLite file.
"""

import argparse
import resource
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from measured import measure, sweep
from tracking_overhead import PLAIN

SCRIPT = PLAIN.replace("TPESampler", "RandomSampler")
RANDOM = "hydra/sweeper/sampler=random"


def children() -> float:
    """Return the CPU seconds of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ours(n_jobs: int, mlflow: bool) -> Callable[[Path, int], object]:
    """Return what runs a search of so many trials."""
    jobs = [f"hydra.sweeper.n_jobs={n_jobs}", "hydra/launcher=joblib", RANDOM]
    return lambda folder, n: sweep("optuna_async", folder, *jobs, f"hydra.sweeper.n_trials={n}", mlflow=mlflow)


CONTESTANTS: dict[str, Callable[[Path, int], object]] = {
    "script": lambda folder, n: measure([sys.executable, "-c", SCRIPT, str(n)], folder),
    "this, 1 worker": ours(1, mlflow=True),
    "this, 2 workers": ours(2, mlflow=True),
    "this, 1 worker, mlflow off": ours(1, mlflow=False),
}


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lengths", default="100,400")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    short, long = map(int, given.lengths.split(","))
    slopes: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    with tempfile.TemporaryDirectory() as folder:
        for n in range(given.rounds):
            for name, run in CONTESTANTS.items():
                used = []
                for length in (short, long):
                    before = children()
                    run(Path(folder, f"{name}-{length}-{n}"), length)
                    used.append(children() - before)
                slopes[name].append(1000 * (used[1] - used[0]) / (long - short))
    script = statistics.median(slopes["script"])
    print("| | CPU, ms a trial | beside the script |\n|---|---|---|")
    for name, found in slopes.items():
        print(f"| {name} | {statistics.median(found):.1f} | {statistics.median(found) / script:.2f} |")


if __name__ == "__main__":
    main()
