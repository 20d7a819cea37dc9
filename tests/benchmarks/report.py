"""What a report of 2,000 trials costs, and what it may: 8 parameters over two branches, curves, failures, files.

python tests/benchmarks/report.py
"""

import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from hydra_plugins.hydra_search.files import JOB_RECORD
from hydra_plugins.hydra_search.trials import best_trials
from hydra_plugins.hydra_search_report.report import write_report
from tests.searches import CONDITIONAL, conditional

TRIALS = 2000
MOST_SECONDS, MOST_MEGABYTES = 10.0, 12.0


def make_job(directory: Path, *, is_best: bool) -> None:
    """Leave what a job leaves: a log, a record of its run, more pictures than a page has room for."""
    directory.mkdir()
    (directory / "app.log").write_text("done")
    (directory / JOB_RECORD).write_text(json.dumps({"run_id": "0" * 32, "params": {str(n): "x" for n in range(100)}}))
    for name in ("roc.png", "confusion.png", "importances.png"):
        (directory / name).write_bytes(b"\x89PNG" + bytes(700_000 if is_best else 0))


def main() -> None:
    """Print one row for each part; exit with 1 if a bound is broken."""
    facts, trials = replace(CONDITIONAL, n_trials=TRIALS, n_jobs=4), conditional(TRIALS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_report(CONDITIONAL, [], folder, "running")  # loads the libraries, once in a search
        best = best_trials(trials, facts.directions)[0]
        for trial in trials:
            make_job(folder / str(trial.number), is_best=trial is best)
        start = time.perf_counter()
        write_report(facts, trials, folder, "ended by n_trials")
        seconds = time.perf_counter() - start
        megabytes = (folder / "report.html").stat().st_size / 1e6
    print(f"| {TRIALS} trials | measured | at most |\n|---|---|---|")
    print(f"| all of it, s | {seconds:.2f} | {MOST_SECONDS:.0f} |")
    print(f"| report.html, MB | {megabytes:.1f} | {MOST_MEGABYTES:.0f} |")
    if seconds > MOST_SECONDS or megabytes > MOST_MEGABYTES:
        raise SystemExit("too much")


if __name__ == "__main__":
    main()
