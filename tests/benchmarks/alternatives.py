"""This project beside what else one would use, in the same run: a Markdown table.

    python tests/benchmarks/alternatives.py [uneven] [noop]

uneven  24 trials, 20 of 0.5 s and 4 of 2.5 s, on 4 workers, nothing recorded; beside the ideal schedule
noop    100 trials that do nothing, recorded in MLflow, on 2 workers and on 1: wall, overhead of a trial, seconds to the
        first trial, and peak memory of all processes together

Contestants: this project with joblib and with Ray, hydra-optuna-sweeper (with our callback), a plain Optuna + MLflow
script (its parallel trials are threads), Ray Tune with OptunaSearch and its MLflow callback, as it comes (an actor for
each trial) and with `reuse_actors`. The last column is each one's wall as a multiple of this project's with joblib.
"""

import datetime
import heapq
import importlib.metadata
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from measured import Measured, measure, sweep

TRIALS = 100
SCRIPT = """
import sys, time, pathlib
kind, n_trials, n_jobs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
import optuna
optuna.logging.set_verbosity(optuna.logging.WARNING)
if kind == "noop":
    import mlflow
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("plain")
def objective(trial):
    stamp = pathlib.Path("first_trial")
    if not stamp.exists():
        stamp.write_text(str(time.time()))
    x = trial.suggest_float("x", 0.0, 1.0)
    if kind == "uneven":
        time.sleep(2.5 if trial.number in (0, 4, 8, 12) else 0.5)
        return x
    with mlflow.start_run(run_name=f"trial-{trial.number}", nested=True, parent_run_id=parent):
        mlflow.log_params(trial.params)
        mlflow.log_metric("score", x)
    return x
study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=1))
if kind == "noop":
    parent = mlflow.start_run(run_name="search").info.run_id
study.optimize(objective, n_trials=n_trials, n_jobs=n_jobs)
"""
RAY_TUNE = str(Path(__file__).with_name("ray_tune.py"))
RAY = ("address=local", "+include_dashboard=false", "+logging_level=40", "+object_store_memory=200000000")


def jobs(n_jobs: int, n_trials: int, launcher: str = "joblib") -> list[str]:
    """Return the overrides of tests/apps/tracked.py for `n_jobs` workers on a launcher."""
    found = [f"hydra.sweeper.n_jobs={n_jobs}", f"hydra.sweeper.n_trials={n_trials}"]
    if launcher == "ray":
        init = [f"{line[:1]}hydra.launcher.ray.init.{line[1:]}" if line[0] == "+" else line for line in RAY[1:]]
        return [*found, "hydra/launcher=ray", "hydra.launcher.ray.init.address=local", *init,
                f"+hydra.launcher.ray.init.num_cpus={n_jobs}"]  # fmt: skip
    return [*found, *(["hydra/launcher=joblib", f"hydra.launcher.n_jobs={n_jobs}"] if n_jobs > 1 else [])]


def contestants(kind: str, n_trials: int, n_jobs: int, folder: Path) -> dict[str, Callable[[], Measured]]:
    """Return how to run each of them once, by name."""
    mlflow = kind == "noop"
    load = ["uneven=true", "seconds=0.5"] if kind == "uneven" else []
    tune = [sys.executable, RAY_TUNE, kind, *([str(n_trials), str(n_jobs)] if mlflow else [])]
    plain = [sys.executable, "-c", SCRIPT, kind, str(n_trials), str(n_jobs)]
    quiet = {"RAY_USAGE_STATS_ENABLED": "0"}

    def swept(sweeper: str, launcher: str) -> Measured:
        place = folder / f"{sweeper}-{launcher}-{n_jobs}"
        return sweep(sweeper, place, *jobs(n_jobs, n_trials, launcher), *load, mlflow=mlflow, memory=True)

    return {
        "this, joblib": lambda: swept("optuna_async", "joblib"),
        "this, Ray": lambda: swept("optuna_async", "ray"),
        "hydra-optuna-sweeper": lambda: swept("optuna", "joblib"),
        "plain script": lambda: measure(plain, folder / f"plain-{n_jobs}", memory=True),
        "Ray Tune": lambda: measure(tune, folder / f"tune-{n_jobs}", memory=True, env=quiet),
        "Ray Tune, reuse_actors": lambda: measure(
            [*tune, "reuse"], folder / f"tune-reuse-{n_jobs}", memory=True, env=quiet
        ),
    }


def ideal(seconds: Sequence[float], n_workers: int) -> float:
    """Return how long trials of such lengths take if each worker that is free takes the next, at no cost."""
    free_at = [0.0] * n_workers
    for length in seconds:
        heapq.heapreplace(free_at, free_at[0] + length)
    return max(free_at)


def machine() -> str:
    """Say where and when this is measured, and with which versions."""
    names = [line.partition(":")[2].strip() for line in cpu_info().splitlines() if line.startswith("model name")]
    packages = ("hydra-core", "optuna", "mlflow", "ray")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    cores = f"{os.cpu_count()} cores of {names[0] if names else platform.machine()}"
    return f"{datetime.date.today()}, {cores}, Python {platform.python_version()}, {versions}"


def cpu_info() -> str:
    """Return what Linux tells of its processors, nothing elsewhere."""
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


def main(parts: list[str]) -> None:
    """Measure, and print a table for each part."""
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        for kind, n_trials, n_jobs in (("uneven", 24, 4), ("noop", TRIALS, 2), ("noop", TRIALS, 1)):
            if kind not in parts:
                continue
            print(f"\n{kind}: {n_trials} trials, {n_jobs} at a time\n")
            heads = ("", "wall, s", "first trial, s", "ms per trial after it", "peak memory, MiB", "times ours")
            print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
            ours = None
            for who, run in contestants(kind, n_trials, n_jobs, Path(name) / kind).items():
                done = run()
                ours = ours or done.seconds  # the first one is this project
                first = done.first_trial
                each = (done.seconds - first) / n_trials * 1000
                cells = f"{done.seconds:.1f} | {first:.1f} | {each:.0f} | {done.peak_memory_mib:.0f}"
                print(f"| {who} | {cells} | {done.seconds / ours:.2f} |", flush=True)
            if kind == "uneven" and ours:
                best = ideal([2.5 if number in (0, 4, 8, 12) else 0.5 for number in range(n_trials)], n_jobs)
                print(f"| ideal schedule | {best:.1f} | | | | {best / ours:.2f} |")


if __name__ == "__main__":
    main(sys.argv[1:] or ["uneven", "noop"])
