"""The dataset, loaded once in a process: the check before a run, and all jobs of a worker, ask for the same one."""

import json
import pickle
from collections.abc import Callable
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from .data import Data, existing_file

# What these return follows from their arguments, and from the file that `path` names. Of others nobody knows.
LOADERS = ("hydra_plugins.sklearn_training.data.load_", "sklearn.datasets.load_")
MOST_BYTES = 256 * 2**20  # that are kept: a larger one is loaded again

_kept: tuple[str, bytes] = ("", b"")  # the last dataset: what it follows from, and the pickled table


def load_once(node: DictConfig, load: Callable[[], Any]) -> Data:
    """Return what `load()` returns for the node `dataset` of the configuration, a copy of one's own.

    It is kept pickled: what a job changes in its copy, in place, no other job sees.
    """
    global _kept  # one for the process, whose jobs share nothing else
    identity = _identity(node)
    if identity and _kept[0] == identity:
        return cast("Data", pickle.loads(_kept[1]))  # noqa: S301  # our own
    data = Data(*load())
    if identity:
        dumped = pickle.dumps(data, pickle.HIGHEST_PROTOCOL)
        _kept = (identity, dumped) if len(dumped) <= MOST_BYTES else ("", b"")
    return data


def _identity(node: DictConfig) -> str:
    """Return all that a dataset follows from; empty where that is not known."""
    content = OmegaConf.to_container(node, resolve=True)
    if not isinstance(content, dict) or not str(content.get("_target_")).startswith(LOADERS):
        return ""
    try:
        file = existing_file(content["path"]) if content.get("path") else None
        status = file.stat() if file else None
        return json.dumps([content, str(file), status and (status.st_mtime_ns, status.st_size, status.st_ino)])
    except (TypeError, ValueError, OSError):  # the loader says it in its own words
        return ""
