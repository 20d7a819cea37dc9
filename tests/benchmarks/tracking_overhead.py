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
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.conftest import command, environment  # noqa: E402

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


def timed(arguments: list[str], folder: Path) -> tuple[float, str]:
    """Return the wall time in seconds and the output of a command in a directory of its own."""
    folder.mkdir()
    start = time.perf_counter()
    done = subprocess.run(arguments, cwd=folder, env=environment(), text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    return time.perf_counter() - start, done.stdout


def trials_seconds(output: str) -> float:
    """Return the time from the first to the last of Hydra's launch lines: import and start-up left out."""
    stamps = re.findall(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3})\]\[HYDRA\] \t#", output)
    seconds = [time.mktime(time.strptime(day, "%Y-%m-%d %H:%M:%S")) + int(ms) / 1000 for day, ms in stamps]
    return seconds[-1] - seconds[1]


def main(n_trials: int) -> None:
    """Measure, and print a Markdown table."""
    sweep = ["--multirun", f"hydra.sweeper.n_trials={n_trials}"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain_wall, plain_out = timed([sys.executable, "-c", PLAIN, str(n_trials)], folder / "plain")
        off = [*sweep, "hydra.callbacks.mlflow.enabled=false"]
        bare_wall, bare_out = timed(command("tracked.py", tuple(off)), folder / "bare")
        full_wall, full_out = timed(command("tracked.py", tuple(sweep)), folder / "full")
    plain = float(re.search(r"loop ([\d.]+)", plain_out)[1]) / n_trials  # type: ignore[index]  # printed above
    between = n_trials - 2  # the first trial imports mlflow
    bare, full = trials_seconds(bare_out) / between, trials_seconds(full_out) / between
    print(f"{n_trials} trials that do nothing, one worker\n")
    print("| | wall, s | per trial, ms |\n|---|---|---|")
    print(f"| plain study.optimize with nested runs | {plain_wall:.1f} | {plain * 1000:.1f} |")
    print(f"| hydra-optuna-sweeper, no MLflow | {bare_wall:.1f} | {bare * 1000:.1f} |")
    print(f"| hydra-optuna-sweeper with the callback | {full_wall:.1f} | {full * 1000:.1f} |")
    print(f"\nThe callback adds {(full - bare) * 1000:.1f} ms a trial (bound: 40 ms).")
    ratios = f"{full_wall / plain_wall:.2f} of the plain script, {full_wall / bare_wall:.2f} of no MLflow"
    print(f"Wall with the callback: {ratios}.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
