"""`compare A B ...`: several searches side by side, as Markdown and as a page."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.errors import NotFound, bad_input, one_line
from hydra_plugins.hydra_search.files import FINGERPRINT_KEY, write_aside
from hydra_plugins.hydra_search_report.report import SearchFacts, status_of

from ._found import Found, add_storage, directory_of_search, found
from ._output import add_json, say, say_json
from ._state import RUNNING, State

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from hydra_plugins.hydra_search_report.comparison import Compared

    from ._output import Verbs

PAGE = "comparison.html"
TEXT = """
Prints the comparison as Markdown: the best of each, counts and times, the settings that differ, the parameters of the
best. Writes the same as a page, with curves of the best so far over trials and over seconds, and prints its path last.
Searches of different metrics or directions get charts of their own and no common ranking. Seconds are those since the
first trial began; while an interrupted search stood still they do not count.
"""


def add(verbs: "Verbs") -> None:
    """Add the verb."""
    parser = verbs.add_parser("compare", help="draw searches side by side: a page, and Markdown", description=TEXT)
    parser.add_argument("search", metavar="SEARCH", nargs="+", help="a sweep directory, or a study's name; two or more")
    add_storage(parser)
    text = f"where the page is written, default {PAGE}; a name that ends with .md gets the Markdown instead"
    parser.add_argument("--output", metavar="FILE", type=Path, default=Path(PAGE), help=text)
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from hydra_plugins.hydra_search_report.comparison import SideBySide

    _check_output(options.output)
    sides = SideBySide(_read(options.search, options.storage))
    is_page = options.output.suffix == ".html"
    _write(options.output, sides.page() if is_page else sides.markdown())
    if options.json:
        say_json({**sides.plain(), "output": str(options.output)})
    else:
        say(f"{sides.markdown()}\n{'Page' if is_page else 'Markdown'}: {options.output}")


def _check_output(path: Path) -> None:
    if path.suffix not in (".html", ".md"):
        raise bad_input("--output", path, "must end with .html or .md", f"Write --output {PAGE}, for example.")
    if not path.parent.is_dir() or path.is_dir():
        raise bad_input("--output", path, "must be a file in a directory that exists", "Make the directory.")


def _write(path: Path, text: str) -> None:
    try:
        write_aside(path, text)
    except OSError as error:
        raise bad_input("--output", path, f"can't be written ({one_line(error)})", "Name another file.") from error


def _read(names: Sequence[str], storage: str | None) -> list["Compared"]:
    """Return the searches in the order of their names. Raises BadInput and NotFound."""
    if len(names) < 2:
        raise bad_input("SEARCH", " ".join(names), "a comparison needs two searches or more", "Name another one.")
    seen: dict[tuple[str, str], str] = {}
    searches = []
    for name in names:
        with ExitStack() as stack:
            search = _found(stack, name, storage)
            identity = (search.study_name, _place(search))
            if identity in seen:
                raise bad_input("SEARCH", name, f"is the same search as {seen[identity]}", "Name each search once.")
            seen[identity] = name
            searches.append(_compared(search))
    study_names = [search.name for search in searches]
    return [
        replace(search, name=name.rstrip("/")) if study_names.count(search.name) > 1 else search
        for search, name in zip(searches, names, strict=True)
    ]


def _found(stack: ExitStack, name: str, storage: str | None) -> Found:
    """Find a search in the storage that is named; a sweep directory may know another one."""
    try:
        return stack.enter_context(found(name, storage))
    except NotFound:
        if storage is None or directory_of_search(name) is None:
            raise
    return stack.enter_context(found(name))


def _compared(search: Found) -> "Compared":
    from hydra_plugins.hydra_search_report.comparison import Compared, facts_of_study

    state = State.of(search)
    directions = [direction.name for direction in search.storage.get_study_directions(search.study_id)]
    facts = search.facts or facts_of_study(search.study_name, directions, search.study().metric_names)
    status = RUNNING if state.is_running() else _status_of(facts, state.trials)
    fingerprint = search.storage.get_study_user_attrs(search.study_id).get(FINGERPRINT_KEY)
    known = fingerprint if isinstance(fingerprint, dict) else None
    return Compared(search.study_name, facts, state.trials, status, search.place, search.directory, known)


def _status_of(facts: SearchFacts, trials: Sequence["FrozenTrial"]) -> str:
    return status_of(facts, trials) if facts.n_trials else f"{len(trials)} trials, of a budget that is not recorded"


def _place(search: Found) -> str:
    """Return where the study lives, the same for all ways of writing it."""
    scheme, slashes, path = search.place.rpartition(":///")
    is_file = bool(slashes) or "://" not in search.place
    return f"{scheme}{slashes}{Path(path).resolve()}" if is_file else search.place
