"""Which search a verb is about: every verb that takes one finds it here.

A verb's module has `add(verbs)`, which adds its parsers: `add_search(parser)` gives one its arguments, and
`parser.set_defaults(run=run)` names what is called with the options. In there:

    with found(options.search, options.storage) as search:
        trials_of(search.storage, search.study_name)  # of hydra_search/studies.py

A search is named by its sweep directory, or by its study's name: with `--storage` in that storage, else by the name of
its directory below multirun/, or the study of one there. What can't be found is a `NotFound`; `main` tells any
`SearchError` in one line and exits with status 2.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.errors import NotFound, one_line
from hydra_plugins.hydra_search.files import FINGERPRINT, JOURNAL, MULTIRUN, SEARCH_FACTS, SEARCH_RECORD, read_object
from hydra_plugins.hydra_search.studies import like, opened, study_id_of
from hydra_plugins.hydra_search.urls import masked
from hydra_plugins.hydra_search_report.report import SearchFacts

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

MARKS = (SEARCH_FACTS, FINGERPRINT, SEARCH_RECORD, JOURNAL, MULTIRUN)  # of a sweep directory; one is enough
BELOW = Path("multirun")  # where Hydra has sweep directories unless told otherwise
DEPTH = 3  # of folders below: Hydra's own default is multirun/2026-03-01/12-00-00


@dataclass(frozen=True)
class Found:
    """A search, its storage opened to read and write."""

    study_name: str
    storage: "BaseStorage"
    study_id: int
    place: str  # where the study lives, without a password
    directory: Path | None  # the sweep directory; None where nobody knows it here
    facts: SearchFacts | None  # what was recorded there, if anything

    def study(self) -> "optuna.Study":
        """Return the study."""
        import optuna

        return optuna.load_study(study_name=self.study_name, storage=self.storage)


def add_search(parser: argparse.ArgumentParser) -> None:
    """Give a verb the arguments that name a search: `options.search` and `options.storage`."""
    parser.add_argument("search", metavar="SEARCH", help="the sweep directory, or the study's name")
    add_storage(parser)


def add_storage(parser: argparse.ArgumentParser) -> None:
    """Give a verb the option that names a storage."""
    text = "URL of the study's database, or the path of its journal; default: where the search has kept it"
    parser.add_argument("--storage", metavar="URL", help=text)


@contextmanager
def found(search: str, storage: str | None = None) -> Iterator[Found]:
    """Find a search. Nothing is made, and at the end no connection is kept.

    Args:
        search: its sweep directory, or the name of its study.
        storage: the URL of its database, or the path of its journal; None for where it has kept it.

    Raises:
        NotFound: there is no such search, or its study can't be opened.
    """
    directory = directory_of_search(search, named=storage is not None)
    if directory is None and storage is None:
        raise NotFound(_absent(search))
    facts, name = (load_facts(directory), name_of(directory)) if directory else (None, search)
    place = storage or place_of(directory or Path(), facts)
    with opened(place) as storage_there:
        name = name or _only_study(storage_there, place)
        number = study_id_of(storage_there, name)
        yield Found(name, storage_there, number, masked(place), directory, facts)


def directory_of_search(search: str, *, named: bool = False) -> Path | None:
    """Return the sweep directory that this names; None if there is none.

    That is: at this path, with this name below multirun/, or there with a study of this name, the latest of several.

    Args:
        search: a path, or a name.
        named: only by its path, or as that of a study of this name.
    """
    if is_sweep_directory(Path(search)):
        return Path(search)
    if is_sweep_directory(BELOW / search) and not (named and name_of(BELOW / search) not in ("", search)):
        return BELOW / search
    if "/" in search:
        return None
    return max((d for d in sweep_directories(BELOW) if name_of(d) == search), key=_last_change, default=None)


def sweep_directories(folder: Path, depth: int = DEPTH) -> Iterator[Path]:
    """Yield the sweep directories below a folder, by path; of what is inside of one nothing is looked at."""
    try:
        inside = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return
    for path in inside:
        if is_sweep_directory(path):
            yield path
        elif depth > 1:
            yield from sweep_directories(path, depth - 1)


def _last_change(directory: Path) -> float:
    return directory.stat().st_mtime


def is_sweep_directory(directory: Path) -> bool:
    """Tell whether a directory is that of a sweep."""
    return any((directory / mark).is_file() for mark in MARKS)


def load_facts(directory: Path) -> SearchFacts | None:
    """Return what was recorded of the search whose sweep directory this is; None where nothing was.

    Raises:
        NotFound: it can't be read.
    """
    try:
        return SearchFacts.load(directory)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:  # damaged
        raise NotFound(f"{str(directory / SEARCH_FACTS)!r} can't be read ({one_line(error)})") from error


def name_of(directory: Path) -> str:
    """Return the name of a sweep directory's study; empty where only the study itself tells."""
    names = (read_object(directory / mark).get("study_name") for mark in (SEARCH_FACTS, FINGERPRINT))
    return next((str(name) for name in names if name is not None), "")


def place_of(directory: Path, facts: SearchFacts | None) -> str:
    """Return where the study of a sweep directory lives, as `opened` takes it."""
    if facts:
        return facts.place(directory)
    return _configured(directory) or str(directory / JOURNAL)


def _configured(directory: Path) -> str:
    """Return the database that the sweep's own configuration names; empty where it names none."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        config = OmegaConf.load(directory / MULTIRUN)
        storage = OmegaConf.select(config, "hydra.sweeper.storage")
        url = str(OmegaConf.select(storage, "url") if OmegaConf.is_config(storage) else storage)
        base = str(OmegaConf.select(config, "hydra.runtime.cwd"))
    except (OSError, YAMLError, OmegaConfBaseException):
        return ""
    head, slashes, path = url.partition(":///")
    is_relative = head.startswith("sqlite") and slashes and not path.startswith("/")
    return f"{head}:///{base}/{path}" if is_relative else url if "://" in url else ""


def _only_study(storage: "BaseStorage", place: str) -> str:
    names = [study.study_name for study in storage.get_all_studies()]
    if len(names) != 1:
        several = f"holds {len(names)} studies; name one with --storage" if names else "holds no study"
        raise NotFound(f"{masked(place)!r} {several}")
    return names[0]


def _absent(search: str) -> str:
    path = Path(search)
    if path.is_dir():
        return f"{search!r} holds no recorded search; name the directory of a sweep"
    folder = path.parent if path.parent != Path() else BELOW
    try:
        names = [other.name for other in folder.iterdir() if is_sweep_directory(other)]
    except OSError:
        names = []
    near = like(path.name, names) or "; a study in a database is named with --storage URL"
    return f"there is no search {search!r}, nor {str(BELOW / search)!r}{near}"
