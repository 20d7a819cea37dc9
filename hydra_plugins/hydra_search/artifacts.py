"""How much is kept of what jobs leave beside records and metrics: `all`, `none`, or that of the `best 10` jobs.

Sweepers ask it for directories, trackers for their stores.
"""

import re
from collections.abc import Mapping

from .errors import bad_input

KEEP_ARTIFACTS = "hydra.sweeper.keep_artifacts"
BEST = re.compile(r"\s*best\s+(\d+)\s*")


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
    match = BEST.fullmatch(text) if isinstance(text, str) else None
    if match is None or not int(match[1]):
        remedy = f"Write '{source or key}=best 10', for example."
        raise bad_input(key, value, "must be all, none, or best and a number above 0", remedy)
    return int(match[1])
