"""The asynchronous sweeper beside upstream's `optuna`, in the same run, as ratios.

    python tests/benchmarks/async_sweeper.py [a] [b] [c] [d]

a  uneven trials: 20 of 0.5 s and 4 of 2.5 s on 4 workers (ideal schedules: 5 s, and 11 s in batches)
b  100 trials that do nothing, recorded in MLflow, on 2 workers and on 1; beside a plain study.optimize script
c  what a trial costs as the study grows: the last 100 of 2,000 trials beside the first 100
d  how much of their time the workers are busy, with uneven trials of 2 s on average

The report is left out (tests/apps/tracked has report: false): upstream makes none. It takes a second, once per search.
"""

import sys
import tempfile
from pathlib import Path

from measured import Measured, measure, sweep
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial
from tracking_overhead import PLAIN


def parallel(n_jobs: int, n_trials: int) -> list[str]:
    """Return the overrides for `n_jobs` processes and so many trials."""
    jobs = [f"hydra.sweeper.n_jobs={n_jobs}", f"hydra.launcher.n_jobs={n_jobs}", "hydra/launcher=joblib"]
    return [*(jobs if n_jobs > 1 else []), f"hydra.sweeper.n_trials={n_trials}"]


def row(*cells: object) -> None:
    """Print a row of a Markdown table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def ratio(name: str, ours: Measured, other: Measured, bound: float, other_name: str) -> None:
    """Print both times and what they make together."""
    share = ours.seconds / other.seconds
    row(name, f"{ours.seconds:.1f}", f"{other.seconds:.1f} ({other_name})", f"{share:.2f}", bound)


def uneven(folder: Path) -> None:
    """Benchmark (a)."""
    arguments = [*parallel(4, 24), "uneven=true", "seconds=0.5"]
    other = sweep("optuna", folder / "a1", *arguments, mlflow=False)
    ours = sweep("optuna_async", folder / "a2", *arguments, mlflow=False)
    ratio("a: 24 uneven trials, 4 workers", ours, other, 0.5, "optuna")


def no_op(folder: Path) -> None:
    """Benchmark (b)."""
    for mlflow, bound in ((True, 0.6), (False, 0.6)):
        name = "with MLflow" if mlflow else "without MLflow"
        other = sweep("optuna", folder / f"b1{mlflow}", *parallel(2, 100), mlflow=mlflow)
        ours = sweep("optuna_async", folder / f"b2{mlflow}", *parallel(2, 100), mlflow=mlflow)
        ratio(f"b: 100 no-op trials {name}, 2 workers", ours, other, bound, "optuna")
    plain = measure([sys.executable, "-c", PLAIN, "100"], folder / "b3")
    ours = sweep("optuna_async", folder / "b4", *parallel(1, 100), mlflow=True)
    ratio("b: 100 no-op trials with MLflow, 1 worker", ours, plain, 1.8, "plain script")


def growth(folder: Path) -> None:
    """Benchmark (c); random search, because the cost of TPE's own arithmetic grows with the study."""
    done = sweep("optuna_async", folder / "c", *parallel(1, 2000), "hydra/sweeper/sampler=random", mlflow=False)
    trials = trials_of(done)
    first, last = (span(trials[:100]) / 100, span(trials[-100:]) / 100)
    row(
        "c: ms per trial, last 100 of 2,000",
        f"{last * 1000:.1f}",
        f"{first * 1000:.1f} (first 100)",
        f"{last / first:.2f}",
        1.5,
    )


def busy(folder: Path) -> None:
    """Benchmark (d): the share of the time from the first start to the last end, in which the workers run trials.

    At the end of any search workers run out of trials; the last trial of each worker is left out, with all after it.
    """
    arguments = [*parallel(4, 40), "seconds=interval(0.5, 3.5)", "hydra/sweeper/sampler=random"]
    trials = trials_of(sweep("optuna_async", folder / "d", *arguments, mlflow=False))
    by_worker: dict[int, list[FrozenTrial]] = {}
    for trial in sorted(trials, key=lambda t: start(t)):
        by_worker.setdefault(trial.user_attrs["worker"]["pid"], []).append(trial)
    work = sum(span([trial]) for mine in by_worker.values() for trial in mine)
    there = sum(span(mine) for mine in by_worker.values())
    row(f"d: busy share of {len(by_worker)} workers", f"{work / there:.3f}", "-", "-", "0.95 at least")


def start(trial: FrozenTrial) -> float:
    """Return when the trial was claimed, in seconds since the epoch."""
    return trial.datetime_start.timestamp() if trial.datetime_start else 0.0


def span(trials: list[FrozenTrial]) -> float:
    """Return the seconds from the first start to the last end."""
    return max(t.datetime_complete.timestamp() for t in trials if t.datetime_complete) - min(map(start, trials))


def trials_of(done: Measured) -> list[FrozenTrial]:
    """Read the study that a search left."""
    journal = done.folder / "multirun/search/optuna_journal.log"
    storage = JournalStorage(JournalFileBackend(str(journal)))
    return storage.get_all_trials(storage.get_study_id_from_name("search"))


PARTS = {"a": uneven, "b": no_op, "c": growth, "d": busy}


if __name__ == "__main__":
    row("", "optuna_async", "peer", "ratio", "bound")
    row(*["---"] * 5)
    with tempfile.TemporaryDirectory() as name:
        for part in sys.argv[1:] or PARTS:
            PARTS[part](Path(name))
