"""`clean`: delete searches for good: study, sweep directory, and their runs in MLflow.

Asks first, or --yes. MLflow keeps deleted runs until `mlflow gc`. A search that runs is refused. If a part can't be
deleted, what is left of that search is said, the exit status is 1, and the same command deletes the rest later.
JSON (--json), a list with one object for each search: study_name; directory, storage: what was deleted, or null;
mlflow_runs: how many were deleted there; problem: what could not be deleted, or null.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.hydra_search.errors import Absent, NotFound, SearchError, one_line
from hydra_plugins.hydra_search.files import FINGERPRINT, JOURNAL, SEARCH_FACTS, SEARCH_RECORD
from hydra_plugins.hydra_search.studies import opened, study_id_of
from hydra_plugins.hydra_search.urls import masked

from ._found import Found, add_storage, directory_of_search, found, load_facts, sweep_directories
from ._output import add_json, describe, say, say_json

if TYPE_CHECKING:
    from hydra_plugins.hydra_mlflow_callback.afterwards import Recorded

    from ._output import Verbs

OURS = (SEARCH_FACTS, FINGERPRINT, SEARCH_RECORD, JOURNAL)  # one of these makes a directory one that may be deleted


@dataclass(frozen=True)
class Remains:
    """What there is of one search."""

    name: str
    place: str | None  # of its study, as `opened` takes it; None where that goes with the directory, or is gone
    directory: Path | None
    recorded: "Recorded | None"

    def lines(self) -> Iterator[str]:
        """Yield what is deleted, for whoever is asked."""
        yield f"{self.name}:"
        if self.recorded:
            yield f"  MLflow run {self.recorded.run_id} and those below it, at {self.recorded.tracking_uri}"
        if self.place:
            yield f"  study {self.name} in {masked(self.place)}"
        if self.directory:
            yield f"  directory {self.directory}, with all that is in it"
        else:
            yield "  (no sweep directory is known here; runs in MLflow are left)"


def add(verbs: "Verbs") -> None:
    """Add it."""
    parser = describe(verbs.add_parser("clean", help="delete searches, with their runs in MLflow"), __doc__)
    parser.add_argument("searches", nargs="+", metavar="SEARCH", help="the sweep directory, or the study's name")
    add_storage(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_json(parser)
    parser.set_defaults(run=_clean)


def _clean(options: argparse.Namespace) -> int:
    every = [_remains(search, options.storage) for search in dict.fromkeys(options.searches)]
    if not options.yes and not _agreed(every):
        sys.stderr.write("nothing is deleted\n")
        return 1
    rows = [_delete(one) for one in every]
    if options.json:
        say_json(rows)
    for row in () if options.json else rows:
        say(f"{row['study_name']}: {_text(row)}")
    return int(any(row["problem"] for row in rows))


def _agreed(every: list[Remains]) -> bool:
    if not sys.stdin.isatty():
        raise NotFound("there is no terminal to ask at; to delete without a question: --yes")
    sys.stderr.write("\n".join(line for one in every for line in one.lines()) + "\nDelete all of this? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _remains(search: str, storage: str | None) -> Remains:
    """Find what there is of a search, and refuse, by SearchError, one that runs or that must not be deleted."""
    from hydra_plugins.hydra_mlflow_callback.afterwards import recorded

    directory = directory_of_search(search, named=storage is not None)
    if directory:
        _refuse(directory)
    of_mlflow = recorded(directory) if directory else None
    if of_mlflow and of_mlflow.goes_on:
        raise NotFound(f"{search!r} runs; stop it first")
    try:
        with found(search, storage) as there:
            return Remains(there.study_name, _place(there, search, storage), directory, of_mlflow)
    except Absent as error:
        if directory is None:
            raise
        facts = load_facts(directory)
        if facts and "optuna.storages" in facts.storage:  # may be where nobody sees it from here
            raise NotFound(f"the study of {search!r} is in {facts.storage}; name its place with --storage") from error
        return Remains(directory.name, None, directory, of_mlflow)  # its study has been deleted before


def _place(there: Found, search: str, storage: str | None) -> str | None:
    """Return where the study is to be deleted; None if it goes with the directory. Refuses a search that runs."""
    from ._found import place_of
    from ._state import State

    if State.of(there).is_running():
        raise NotFound(f"{search!r} runs; stop it first (hydra-search stop)")
    place = storage or place_of(there.directory or Path(), there.facts)
    file = _file_of(place)
    if there.directory is None or file is None or not file.resolve().is_relative_to(there.directory.resolve()):
        return place
    others = [s.study_name for s in there.storage.get_all_studies() if s.study_name != there.study_name]
    if others:
        raise NotFound(f"{file} in the directory of {there.study_name} holds other studies too: {', '.join(others)}")
    return None


def _file_of(place: str) -> Path | None:
    if "://" not in place:
        return Path(place)
    return Path(place.partition(":///")[2].partition("?")[0]) if place.startswith("sqlite") else None


def _refuse(directory: Path) -> None:
    """Refuse a directory that is not a sweep's alone, whatever is written in there."""
    here = Path.cwd().resolve()
    if directory.is_symlink():
        raise NotFound(f"{str(directory)!r} is a link; name the directory itself")
    if not any((directory / name).is_file() for name in OURS):
        raise NotFound(f"{str(directory)!r} is not a directory of these searches, and is not deleted")
    if here.is_relative_to(directory.resolve()):
        raise NotFound(f"{str(directory)!r} holds the directory from which you call, and is not deleted")
    inside = next(sweep_directories(directory), None)
    if inside or (directory / ".git").exists():
        raise NotFound(f"{str(directory)!r} holds {inside or 'a repository'} too, and is not deleted")


def _delete(one: Remains) -> dict[str, Any]:  # Any: JSON
    """Delete runs, study and directory in this order: what tells of the rest is deleted last."""
    from hydra_plugins.hydra_mlflow_callback.afterwards import delete_runs

    done: dict[str, Any] = {
        "study_name": one.name,
        "directory": None,
        "storage": None,
        "mlflow_runs": 0,
        "problem": None,
    }
    try:
        if one.directory and one.recorded:
            done["mlflow_runs"] = delete_runs(one.directory)
        if one.place:
            with opened(one.place) as storage:
                storage.delete_study(study_id_of(storage, one.name))
            done["storage"] = masked(one.place)
        if one.directory:
            shutil.rmtree(one.directory)
            done["directory"] = str(one.directory)
    except (SearchError, OSError) as error:
        done["problem"] = masked(one_line(error))
    return done


def _text(row: dict[str, Any]) -> str:
    deleted = [f"{row['mlflow_runs']} runs in MLflow, which keeps them until `mlflow gc`"] if row["mlflow_runs"] else []
    deleted += [f"the study in {row['storage']}"] if row["storage"] else []
    deleted += [f"the directory {row['directory']}"] if row["directory"] else []
    said = f"deleted {', '.join(deleted)}" if deleted else "nothing is deleted"
    return f"{said}; NOT deleted: {row['problem']}" if row["problem"] else said
