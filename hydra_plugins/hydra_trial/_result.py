"""What a job returned, kept beside its output as soon as it is known.

Between that moment and the one where study and tracker have heard of it, the process may be killed. Whoever finds the
trial without an owner reads the result here, so that all agree on it.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

RESULT_FILE = ".result.json"


def save_result(directory: Path, values: Sequence[float]) -> None:
    """Keep the objective values, shape (n_objectives,), in the job's output directory."""
    aside = directory / f"{RESULT_FILE}.{os.getpid()}"
    aside.write_text(json.dumps({"values": list(values)}), encoding="utf-8")
    aside.replace(directory / RESULT_FILE)


def load_result(directory: Path) -> list[float] | None:
    """Return the objective values of the job that wrote into this directory; None if it did not come so far."""
    try:
        content = json.loads((directory / RESULT_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return [float(value) for value in content["values"]]
