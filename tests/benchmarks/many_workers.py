"""Many short trials on many workers: the whole command beside the ideal, trials * seconds / workers.

    python tests/benchmarks/many_workers.py [--sizes 400x0.5x8,1250x1x16] [--rounds 1]

A size is trials x seconds x workers. The trials sleep: what is measured is start, end, and what comes between two
trials. Without and with MLflow on a SQLite file. Each round runs all; the ratios are those of the medians.
"""

import argparse
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

from alternatives import jobs
from measured import Measured, sweep


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="400x0.5x8,1250x1x16")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    took: dict[tuple[str, str], list[Measured]] = defaultdict(list)
    first: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        for n in range(given.rounds):
            for size in given.sizes.split(","):
                trials, seconds, workers = size.split("x")
                for mlflow in ("off", "on"):
                    overrides = [*jobs(int(workers), int(trials)), f"seconds={seconds}"]
                    done = sweep("optuna_async", Path(name, f"{size}-{mlflow}-{n}"), *overrides, mlflow=mlflow == "on")
                    took[size, mlflow].append(done)
                    first[size, mlflow].append(done.first_trial)
    print("| trials | MLflow | wall, s | first trial, s | beside the ideal |\n|---|---|---|---|---|")
    for (size, mlflow), all_of in took.items():
        trials, seconds, workers = map(float, size.split("x"))
        wall, start = statistics.median(one.seconds for one in all_of), statistics.median(first[size, mlflow])
        what = f"{trials:.0f} of {seconds:g} s on {workers:.0f} workers"
        print(f"| {what} | {mlflow} | {wall:.1f} | {start:.1f} | {wall / (trials * seconds / workers):.2f} |")


if __name__ == "__main__":
    main()
