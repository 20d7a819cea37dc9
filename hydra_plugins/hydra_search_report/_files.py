"""Files that a reader never sees half of."""

import os
import threading
from pathlib import Path


def write_aside(path: Path, text: str) -> None:
    """Write the file under another name and rename it."""
    # two threads, or two sweeps that share a study, may write the same report
    aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        aside.write_text(text, encoding="utf-8", newline="")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
