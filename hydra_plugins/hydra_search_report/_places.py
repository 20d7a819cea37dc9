"""Where a trial leads: its directory, log, pictures and tracked run, as links that move with the sweep directory.

The pictures of the best trial are in the page itself.
"""

import base64
import html
import os
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from optuna.trial import FrozenTrial

from hydra_plugins.hydra_search.files import JOB_RECORD, SEARCH_RECORD, read_object
from hydra_plugins.hydra_search.trials import directory_of
from hydra_plugins.hydra_search.urls import MASK, from_variables, masked, without_user

KINDS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".webp": "webp", ".svg": "svg+xml"}
MOST_FILES, DEPTH = 400, 3  # looked at in one directory: a job may keep thousands of checkpoints
LINKS_SHOWN = 3
# Each is kept in the page, which may have 12 MB in all: plotly.js takes 5, and 2,000 trials up to 4.
MOST_PICTURES, MOST_BYTES = 8, 1_500_000
BEGINNINGS = {"png": b"\x89PNG", "jpeg": b"\xff\xd8", "gif": b"GIF8", "webp": b"RIFF", "svg+xml": b"<"}


@dataclass(frozen=True)
class Place:
    """What a trial has left, as paths below the sweep directory."""

    directory: str = ""  # empty where there is none
    logs: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    run_id: str = ""  # of the tracking server; empty where no record of it stands in the directory


@dataclass(frozen=True)
class Tracking:
    """Where the tracked runs are seen."""

    runs: str = ""  # the address of a run without its id; empty where no server is known
    command: str = ""  # that shows them; empty where there is nothing to show, or a server does


def places_of(trials: Iterable[FrozenTrial], sweep_dir: Path) -> dict[int, Place]:
    """Return what each trial has left, by its number."""
    return {trial.number: _place(str(directory_of(trial)), sweep_dir) for trial in trials}


def _place(directory: str, sweep_dir: Path) -> Place:
    path = sweep_dir / directory
    if not path.is_dir():
        return Place()
    found = [f"{directory}/{name}" for name in _files(str(path))]
    logs, pictures = [n for n in found if n.endswith(".log")], [n for n in found if Path(n).suffix.lower() in KINDS]
    return Place(directory, tuple(logs), tuple(pictures), str(read_object(path / JOB_RECORD).get("run_id") or ""))


def _files(directory: str) -> list[str]:
    """Return the files of a directory, as paths in it, those at the top first; hidden ones are left out."""
    found: list[str] = []
    for path, folders, names in os.walk(directory):
        parts = Path(path).relative_to(directory).parts
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if len(parts) < DEPTH else []
        found += ["/".join([*parts, name]) for name in sorted(names) if not name.startswith(".")]
        if len(found) > MOST_FILES:
            break
    return found[:MOST_FILES]


def tracking_of(sweep_dir: Path) -> Tracking:
    """Return where the runs of a search are seen, from the record of it in the sweep directory."""
    settings = read_object(sweep_dir / SEARCH_RECORD).get("settings")
    if not isinstance(settings, dict):
        return Tracking()
    uri = from_variables(str(settings.get("tracking_uri", "")))
    server = without_user(uri).rstrip("/")
    if not server.startswith(("http://", "https://")):
        return Tracking(command=f"mlflow ui --backend-store-uri {shlex.quote(masked(uri))}" if "://" in uri else "")
    if MASK in server or "${" in server:  # a secret is no part of a page
        return Tracking()
    return Tracking(runs=f"{server}/#/experiments/{quote(str(settings.get('experiment_id')))}/runs/")


def links_of(place: Place) -> str:
    """Return the links to what a trial has left, HTML."""
    links = [link(f"{place.directory}/", "directory")] if place.directory else []
    for paths in (place.logs, place.pictures):
        links += [link(path, below(path, place)) for path in paths[:LINKS_SHOWN]]
    more = len(place.pictures[LINKS_SHOWN:])
    return " ".join([*links, *([f'<span class="muted">{more} more</span>'] if more else [])])


def run_link(number: int, place: Place, tracking: Tracking) -> str:
    """Return the link to a trial's tracked run, HTML; its id where no server shows it."""
    if not (place.run_id and tracking.runs):
        return f"<code>{html.escape(place.run_id)}</code>" if place.run_id else ""
    address = html.escape(f"{tracking.runs}{quote(place.run_id)}")
    return f'<a rel="noreferrer" target="_blank" href="{address}">trial-{number}</a>'


def trial_link(number: int) -> str:
    """Return a link to the row of a trial, HTML."""
    return f'<a href="#trial-{number}">{number}</a>'


def link(path: str, text: str) -> str:
    """Return a link to a path below the sweep directory, whatever characters its name has."""
    return f'<a href="{quote(os.fsencode(path), safe="/")}">{shown(text)}</a>'


def shown(name: str) -> str:
    """Return a file's name as HTML; bytes that are no text are marked."""
    return html.escape(os.fsencode(name).decode(errors="replace"))


def below(path: str, place: Place) -> str:
    """Return a path as one in the trial's directory."""
    return path.removeprefix(f"{place.directory}/")


def pictures_part(place: Place, sweep_dir: Path) -> str:
    """Return the pictures as HTML; empty where the job has left none. Those for which there is no room are links."""
    if not place.pictures:
        return ""
    kept = dict(_kept(place, sweep_dir))
    figures = [
        f'<figure><img alt="{shown(path)}" src="{data}"><figcaption>{_link(path, place)}</figcaption></figure>'
        for path, data in kept.items()
    ]
    others = [_link(path, place) for path in place.pictures[: 4 * MOST_PICTURES] if path not in kept]
    more = f'<p class="muted">Further pictures: {", ".join(others)}</p>' if others else ""
    return f'<h3 class="label">Its pictures</h3><div class="pictures">{"".join(figures)}</div>{more}'


def _kept(place: Place, sweep_dir: Path) -> Iterator[tuple[str, str]]:
    """Yield the path and the data URI of each picture that the page has room for."""
    room, number = MOST_BYTES, 0
    for path in place.pictures:
        kind = KINDS[Path(path).suffix.lower()]
        content = _content(sweep_dir / path, room) if number < MOST_PICTURES else b""
        if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(BEGINNINGS[kind]):
            room, number = room - len(content), number + 1
            # an image runs no script, and asks for nothing, whatever an SVG says
            yield path, f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _content(path: Path, room: int) -> bytes:
    """Return a file of at most so many bytes; empty if it is greater, or none that can be read."""
    try:
        return path.read_bytes() if path.is_file() and path.stat().st_size <= room else b""
    except OSError:
        return b""


def _link(path: str, place: Place) -> str:
    return link(path, below(path, place))
