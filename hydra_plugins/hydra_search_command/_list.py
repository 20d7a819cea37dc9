"""`list`: the searches below a directory, or in a storage.

JSON (--json), a list with one object for each search; these keys are always there:
  study_name  text, or null where nothing can be read
  state       as `hydra-search status` has it, or null
  n_trials    how many trials are wanted, or null
  n_over      how many of these have ended
  best        {trial, values} of the best trial, or of the first on the Pareto front, or null
  started     when the first trial began, and
  changed     when a trial last began or ended: ISO 8601, local, or null
  directory   the sweep directory, or null
  storage     where the study lives, without a password
  problem     why nothing can be read, or null
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.hydra_search.errors import NotFound, SearchError, one_line
from hydra_plugins.hydra_search.studies import opened
from hydra_plugins.hydra_search.urls import masked

from ._found import BELOW, Found, add_storage, found, is_sweep_directory, sweep_directories
from ._output import add_json, describe, say, say_json

if TYPE_CHECKING:
    from ._output import Verbs

Row = dict[str, Any]  # Any: JSON
HEAD = ("search", "state", "trials", "best", "last change", "where")


def add(verbs: "Verbs") -> None:
    """Add it."""
    text = "the searches below a directory, or in a storage"
    parser = describe(verbs.add_parser("list", help=text), __doc__)
    parser.add_argument("directory", nargs="?", type=Path, help=f"default: {BELOW}/")
    add_storage(parser)
    add_json(parser)
    parser.set_defaults(run=_list)


def _list(options: argparse.Namespace) -> None:
    if options.directory and options.storage:
        raise NotFound("name a directory or a --storage, not both")
    rows = list(_in_storage(options.storage) if options.storage else _below(options.directory or BELOW))
    if options.json:
        say_json(rows)
    else:
        say(
            "\n".join(_table(rows))
            if rows
            else f"no search in {masked(options.storage or str(options.directory or BELOW))}"
        )


def _below(folder: Path) -> Iterator[Row]:
    if not folder.is_dir():
        raise NotFound(f"there is no directory {str(folder)!r}; name one, or a --storage")
    for directory in [folder] if is_sweep_directory(folder) else sweep_directories(folder):
        try:
            with found(str(directory)) as search:
                yield _row(search)
        except SearchError as error:
            yield _unread(str(directory), one_line(error))


def _in_storage(place: str) -> Iterator[Row]:
    with opened(place) as storage:
        for study in storage.get_all_studies():
            number = storage.get_study_id_from_name(study.study_name)
            yield _row(Found(study.study_name, storage, number, masked(place), None, None))


def _row(search: Found) -> Row:
    from ._state import State

    state = State.of(search)
    moments = [moment for t in state.trials for moment in (t.datetime_start, t.datetime_complete) if moment]
    best = state.best()
    return {
        "study_name": search.study_name,
        "state": state.state()[0],
        "n_trials": state.n_trials,
        "n_over": state.n_over,
        "best": {"trial": best[0].number, "values": best[0].values} if best else None,
        "started": min(moments).isoformat(timespec="seconds") if moments else None,
        "changed": max(moments).isoformat(timespec="seconds") if moments else None,
        "directory": str(search.directory) if search.directory else None,
        "storage": search.place,
        "problem": None,
    }


def _unread(directory: str, error: str) -> Row:
    known = dict.fromkeys(("study_name", "state", "n_trials", "n_over", "best", "started", "changed"))
    return {**known, "directory": directory, "storage": None, "problem": error}


def _table(rows: Sequence[Row]) -> Iterator[str]:
    cells = [HEAD, *map(_cells, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEAD) - 1)]
    for row in cells:
        padded = [text.ljust(width) for text, width in zip(row, widths, strict=False)]
        yield "  ".join([*padded, row[-1]]).rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    where = row["directory"] or row["storage"]
    if row["problem"]:
        return ("?", "?", "", "", "", f"{where}: {row['problem']}")
    wanted = "" if row["n_trials"] is None else f" of {row['n_trials']}"
    best = ", ".join(f"{value:.6g}" for value in row["best"]["values"]) if row["best"] else ""
    return (row["study_name"], row["state"], f"{row['n_over']}{wanted}", best, row["changed"] or "", where)
