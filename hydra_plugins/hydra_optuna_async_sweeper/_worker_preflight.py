"""Does a worker see what it needs? It may run on another machine than the sweeper."""

import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hydra_trial import is_dead_loopback

from ._storage import described, file_of, url_of

if TYPE_CHECKING:
    from hydra.experimental.callback import Callback

    from ._search import Search


class CantStart(Exception):
    """A worker can't reach the study, the sweep directory or the tracking store. The message says which and where."""


def enter_folder(folder: str) -> None:
    """Work where the search was started, so that relative paths mean the same everywhere.

    A worker on a Ray cluster starts in the folder of its node. A machine without the folder needs absolute paths.
    """
    if Path(folder).is_dir():
        os.chdir(folder)


def check_worker(search: "Search", callbacks: Iterable["Callback"]) -> None:
    """Look before the first trial. A callback is asked if it has a method `on_worker_start()`, which may refuse.

    Raises:
        CantStart: something is not there, as seen from this machine.
    """
    host = socket.gethostname()
    if not Path(search.sweep_dir).is_dir():
        raise CantStart(
            f"hydra.sweep.dir: must be on a disk that all workers share, got {search.sweep_dir}, which is not there on "
            f"{host}. Set hydra.sweep.dir, and start in a folder that every machine sees."
        )
    file = file_of(search.storage)
    if file is not None and not file.exists():
        raise CantStart(
            f"hydra.sweeper.storage: must be where all workers reach it, got {described(search.storage)}, which is not "
            f"there on {host}. Put it on a shared disk, or set storage=postgresql."
        )
    if not search.sweeper.is_here() and is_dead_loopback(url_of(search.storage)):
        raise CantStart(
            f"hydra.sweeper.storage: must be an address that all workers reach, got {described(search.storage)}, where "
            f"nobody answers on {host}. Write the name of the server's machine, in OPTUNA_STORAGE_URL for example."
        )
    for callback in callbacks:
        on_worker_start = getattr(callback, "on_worker_start", None)
        if on_worker_start is not None:
            try:
                on_worker_start()
            except ValueError as error:
                raise CantStart(str(error)) from error
