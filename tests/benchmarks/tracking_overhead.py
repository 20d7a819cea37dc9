"""What recording costs: 100 trials that do nothing, on one worker.

    python tests/benchmarks/tracking_overhead.py [N_TRIALS]

Measured in the same run, each in a fresh process and a fresh directory:
  plain script    a study.optimize loop with nested MLflow runs, as in the tutorials
  sweeper         hydra-optuna-sweeper alone
  sweeper+MLflow  the same with the callback
The callback's cost per trial is the difference of the last two, per trial; mlflow's import and the making of the
database, once per search, are measured apart.
"""

import re
import sys
import tempfile
import time
from pathlib import Path

from measured import measure, sweep

PLAIN = """
import sys, time
start = time.perf_counter()
import mlflow, optuna
mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.set_experiment("plain")
def objective(trial):
    x = trial.suggest_float("x", 0.0, 1.0)
    with mlflow.start_run(run_name=f"trial-{trial.number}", nested=True):
        mlflow.log_params(trial.params)
        mlflow.log_metric("score", x)
    return x
study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=1))
with mlflow.start_run(run_name="search"):
    loop = time.perf_counter()
    study.optimize(objective, n_trials=int(sys.argv[1]))
    print("loop", time.perf_counter() - loop)
"""


def trials_seconds(output: str) -> float:
    """Return the time from the first to the last of Hydra's launch lines: import and start-up left out."""
    stamps = re.findall(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3})\]\[HYDRA\] \t#", output)
    seconds = [time.mktime(time.strptime(day, "%Y-%m-%d %H:%M:%S")) + int(ms) / 1000 for day, ms in stamps]
    return seconds[-1] - seconds[1]


def main(n_trials: int) -> None:
    """Measure, and print a Markdown table."""
    trials = f"hydra.sweeper.n_trials={n_trials}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = measure([sys.executable, "-c", PLAIN, str(n_trials)], folder / "plain")
        alone = sweep("optuna", folder / "alone", trials, mlflow=False)
        recorded = sweep("optuna", folder / "recorded", trials, mlflow=True)
    plain = float(re.search(r"loop ([\d.]+)", script.output)[1]) / n_trials  # type: ignore[index]  # printed above
    between = n_trials - 2  # the first trial imports mlflow
    bare, full = trials_seconds(alone.output) / between, trials_seconds(recorded.output) / between
    print(f"{n_trials} trials that do nothing, one worker\n")
    print("| | wall, s | per trial, ms |\n|---|---|---|")
    print(f"| plain study.optimize with nested runs | {script.seconds:.1f} | {plain * 1000:.1f} |")
    print(f"| hydra-optuna-sweeper, no MLflow | {alone.seconds:.1f} | {bare * 1000:.1f} |")
    print(f"| hydra-optuna-sweeper with the callback | {recorded.seconds:.1f} | {full * 1000:.1f} |")
    print(f"\nThe callback adds {(full - bare) * 1000:.1f} ms a trial (bound: 40 ms).")
    to_script, to_alone = recorded.seconds / script.seconds, recorded.seconds / alone.seconds
    print(f"Wall with the callback: {to_script:.2f} of the plain script, {to_alone:.2f} of no MLflow.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
