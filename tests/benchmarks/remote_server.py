"""What a tracking server far away costs: 60 trials of 0.2 s on 2 workers, the whole command beside `mlflow=off`.

    python tests/benchmarks/remote_server.py [--milliseconds 0,50,200] [--trials 60] [--rounds 1]

A real `mlflow server` stands behind a proxy that keeps back all it passes on. Each round runs all contestants, one
after the other; the ratios are those of the medians.
"""

import argparse
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

from measured import sweep

from tests.conftest import MLflowServer
from tests.distance import distant


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--milliseconds", default="0,50,200")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    jobs = ["hydra.sweeper.n_jobs=2", "hydra/launcher=joblib", f"hydra.sweeper.n_trials={given.trials}", "seconds=0.2"]
    took: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        server = MLflowServer(Path(name, "server"))
        server.folder.mkdir()
        server.start()
        try:
            away = {f"{ms} ms": distant(server.port, int(ms) / 1000) for ms in given.milliseconds.split(",")}
            for n in range(given.rounds):
                took["off"].append(sweep("optuna_async", Path(name, f"off-{n}"), *jobs, mlflow=False).seconds)
                for who, port in away.items():
                    uri = f"hydra.callbacks.mlflow.tracking_uri=http://127.0.0.1:{port}"
                    done = sweep("optuna_async", Path(name, f"{port}-{n}"), *jobs, uri, mlflow=True)
                    took[who].append(done.seconds)
        finally:
            server.kill()
    off = statistics.median(took["off"])
    print(f"{given.trials} trials of 0.2 s, 2 workers, {given.rounds} rounds")
    print("\n| server | s | beside off |\n|---|---|---|")
    for who, seconds in took.items():
        print(f"| {who} | {statistics.median(seconds):.1f} | {statistics.median(seconds) / off:.2f} |")


if __name__ == "__main__":
    main()
