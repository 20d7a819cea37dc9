"""The peer: Ray Tune with Optuna's search and its own MLflow callback, as its documentation shows it.

python ray_tune.py uneven          24 trials, numbers 0, 4, 8 and 12 take 2.5 s, the others 0.5 s; 4 at a time
python ray_tune.py noop N JOBS     N trials that do nothing but return a number, recorded in MLflow, JOBS at a time

With `reuse` as the last word an actor runs trial after trial (TuneConfig.reuse_actors); by default each has its own.
"""

import os
import re
import sys
import time
from pathlib import Path

HERE = Path.cwd()


def uneven(config: dict[str, float]) -> dict[str, float]:
    """Sleep as tests/apps/tracked.py does with uneven=true."""
    from ray import tune

    note_start()
    counted = re.search(r"_(\d+)_x=", str(tune.get_context().get_trial_dir()))
    number = int(counted[1]) - 1 if counted else -1
    time.sleep(2.5 if number in (0, 4, 8, 12) else 0.5)
    return {"score": config["x"]}


def noop(config: dict[str, float]) -> dict[str, float]:
    """Return at once."""
    note_start()
    return {"score": config["x"]}


def note_start() -> None:
    """Leave the time of the first trial."""
    stamp = Path(os.environ["BENCHMARK_FOLDER"], "first_trial")
    if not stamp.exists():
        stamp.write_text(str(time.time()))


def main(kind: str, n_trials: int, n_jobs: int, reuse: bool) -> None:
    """Search."""
    import ray
    from ray import tune
    from ray.air.integrations.mlflow import MLflowLoggerCallback
    from ray.tune.search.optuna import OptunaSearch

    ray.init(address="local", num_cpus=n_jobs, include_dashboard=False, logging_level=40, log_to_driver=False)
    recorded = MLflowLoggerCallback(tracking_uri=f"sqlite:///{HERE}/mlflow.db", experiment_name="tune")
    tuner = tune.Tuner(
        uneven if kind == "uneven" else noop,
        param_space={"x": tune.uniform(0.0, 1.0)},
        tune_config=tune.TuneConfig(
            search_alg=OptunaSearch(seed=1), metric="score", mode="max", num_samples=n_trials,
            max_concurrent_trials=n_jobs, reuse_actors=reuse,
        ),
        run_config=tune.RunConfig(
            storage_path=str(HERE / "tune"), callbacks=[recorded] if kind == "noop" else [], verbose=0
        ),
    )  # fmt: skip
    best = tuner.fit().get_best_result()
    print("best", best.metrics["score"])


if __name__ == "__main__":
    os.environ["BENCHMARK_FOLDER"] = str(HERE)
    words = [word for word in sys.argv[1:] if word != "reuse"]
    numbers = (int(words[1]), int(words[2])) if words[0] == "noop" else (24, 4)
    main(words[0], *numbers, reuse="reuse" in sys.argv)
