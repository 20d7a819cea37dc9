"""The files by which processes tell each other something: their names, how they are written; whose others are kept."""

import errno
import json
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import bad_input

# of the sweep directory
MULTIRUN = "multirun.yaml"  # Hydra's own name
JOURNAL = "optuna_journal.log"
RESULTS = "optimization_results.yaml"  # the name that hydra-optuna-sweeper has made known
SEARCH_FACTS = ".search.json"
SEARCH_RECORD = ".mlflow_search.json"
FINGERPRINT = ".fingerprint.json"  # what the search was begun with
CHECKPOINTS_FOLDER = "checkpoints"  # with a folder for each trial whose job asked for one
FINGERPRINT_KEY = "fingerprint"  # under which that file has it, and the study among its user attributes
WISHES = ".wishes.jsonl"  # what people have asked of the search while it ran, and it has obeyed
REPORT, TABLE, SUMMARY, BEST = "report.html", "trials.csv", "summary.md", "best.txt"

# of a job's directory
RESULT = ".result.json"
LOST = ".lost"
JOB_RECORD = ".mlflow_run.json"
OF_JOB = (RESULT, LOST, JOB_RECORD)
METRICS, DATASET = "metrics.json", "dataset.json"
MODEL, EXAMPLE = "model.joblib", "input_example.parquet"

# Of whose jobs all files are kept, beside records and metrics: `all`, `none`, or the `best 10`.
KEEP_ARTIFACTS = "hydra.sweeper.keep_artifacts"
BEST_FEW = re.compile(r"\s*best\s+(\d+)\s*")


def is_full(error: OSError) -> bool:
    """Tell whether the disk, or what somebody may write on it, is used up."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def read_object(path: Path) -> dict[str, Any]:  # Any: JSON
    """Return the JSON object in a file; an empty one where there is none, or something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


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


def n_kept(value: object, key: str, source: str | None = None) -> int | None:
    """Return of how many of the best jobs the files are kept: 0 for `none`, None for `all`.

    Args:
        value: what is set: `all`, `none`, `best 10`, or {best: 10}.
        key: by which the message calls it.
        source: what the user sets, if that is another key.

    Raises:
        BadInput: it is nothing of these.
    """
    text = f"best {value['best']}" if isinstance(value, Mapping) and [*value] == ["best"] else value
    if isinstance(text, str) and text.strip() in ("all", "none"):
        return None if text.strip() == "all" else 0
    match = BEST_FEW.fullmatch(text) if isinstance(text, str) else None
    if match is None or not int(match[1]):
        remedy = f"Write '{source or key}=best 10', for example."
        raise bad_input(key, value, "must be all, none, or best and a number above 0", remedy)
    return int(match[1])
