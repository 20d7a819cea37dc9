"""Makes up what every process of a sweep knows, so that a test names only what it is about."""

from dataclasses import replace
from pathlib import Path

import psutil
from optuna.study import StudyDirection

from hydra_plugins.hydra_optuna_async_sweeper.search._queue import TrialQueue
from hydra_plugins.hydra_optuna_async_sweeper.search._spec import Search
from hydra_plugins.hydra_optuna_async_sweeper.space._tree import Space
from hydra_plugins.hydra_optuna_async_sweeper.storage._journal import Journal
from hydra_plugins.hydra_search.files import JOURNAL

_SEARCH = Search(
    study_name="s", storage=Journal(Path("/absent")), directions=("maximize",), metrics=("value",), n_trials=3,
    n_jobs=2, sweep_dir="/absent", sampler={}, pruner=None, space=Space(), fixed=(), composed={},
    custom_search_space=None, enqueued=(), max_failure_rate=1.0, max_retries=1, max_initial_failures=None,
    timeout=None, trial_timeout=None, target=None, max_stagnation_trials=None, min_improvement=0.0, constraints=(),
    confirmation=None, report=False,
)  # fmt: skip


def made_up_search(folder: Path | None = None, **settings: object) -> Search:
    """Return a search of three trials, with its journal in `folder`, where its jobs write too."""
    search = replace(_SEARCH, sweep_dir=str(folder), storage=Journal(folder / JOURNAL)) if folder else _SEARCH
    return replace(search, **settings)  # type: ignore[arg-type]  # the fields of Search


_OPENED: list[TrialQueue] = []


def queue_of(search: Search) -> TrialQueue:
    """Open the search's study, which is made if it is not there."""
    storage = search.storage.open()
    if not storage.get_all_studies():
        storage.create_new_study([StudyDirection[d.upper()] for d in search.directions], search.study_name)
    _OPENED.append(TrialQueue(search, storage))
    return _OPENED[-1]


def close_queues() -> None:
    """Close the connections of all queues that were opened here."""
    while _OPENED:
        _OPENED.pop().close()


def opened_below(folder: Path) -> list[str]:
    """Return the files below `folder` that this process holds open, a database's among them."""
    return [file.path for file in psutil.Process().open_files() if Path(file.path).is_relative_to(folder)]
