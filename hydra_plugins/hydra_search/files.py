"""The files by which processes tell each other something: their names, and how they are written."""

import errno
import os
import threading
from pathlib import Path

# of the sweep directory
MULTIRUN = "multirun.yaml"  # Hydra's own name
JOURNAL = "optuna_journal.log"
RESULTS = "optimization_results.yaml"  # the name that hydra-optuna-sweeper has made known
SEARCH_FACTS = ".search.json"
SEARCH_RECORD = ".mlflow_search.json"
FINGERPRINT = ".fingerprint.json"  # what the search was begun with
CHECKPOINTS_FOLDER = "checkpoints"  # with a folder for each trial whose job asked for one
FINGERPRINT_KEY = "fingerprint"  # under which that file has it, and the study among its user attributes
REPORT, TABLE, SUMMARY, BEST = "report.html", "trials.csv", "summary.md", "best.txt"

# of a job's directory
RESULT = ".result.json"
LOST = ".lost"
JOB_RECORD = ".mlflow_run.json"
OF_JOB = (RESULT, LOST, JOB_RECORD)
METRICS, DATASET = "metrics.json", "dataset.json"
MODEL, EXAMPLE = "model.joblib", "input_example.parquet"


def is_full(error: OSError) -> bool:
    """Tell whether the disk, or what somebody may write on it, is used up."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_aside(path: Path, text: str, *, private: bool = False) -> None:
    """Write the file under another name and rename it, so that a reader never sees half of it.

    Two threads, and two processes, may do so at once: one of them is the last. A `private` file can be read by its
    owner alone.
    """
    aside = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    if not aside.name.startswith("."):
        aside = aside.with_name(f".{aside.name}")
    try:
        if private:
            aside.touch(0o600)
        aside.write_text(text, encoding="utf-8", newline="")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
