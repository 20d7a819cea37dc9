"""What people wish of a search that runs: kept in its study, where every sweep and worker reads it before each claim.

One attribute of the study for each concern, so that two people who want different things don't overwrite each other;
the last wish of a concern wins, but each point that is enqueued has its own. A sweep that starts later does not obey
what was wished of others before, but for a pause, which lasts until somebody resumes.
"""

import getpass
import json
import socket
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .files import WISHES

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

PREFIX = "wish:"  # of the study's user attributes
STATE, N_TRIALS, TIMEOUT, ENQUEUE = CONCERNS = ("state", "n_trials", "timeout", "enqueue")
RESUME, PAUSE, STOP, CANCEL = STATES = ("resume", "pause", "stop", "cancel")  # the values of `state`


@dataclass(frozen=True)
class Wish:
    """What somebody wants."""

    concern: str  # one of CONCERNS
    # JSON: of `state` one of the four; of `enqueue` the last point, to be shown: it is queued already; of the others
    # as hydra.sweeper's setting of that name
    value: object
    by: str  # user@host
    at: float  # seconds since the epoch, by the clock of that machine: to be shown, never compared
    id: str  # of this wish alone

    @property
    def verb(self) -> str:
        """As the command has it: `stop`, `n_trials=200`, `enqueue model.C=1.0`."""
        value = "null" if self.value is None else str(self.value)
        if self.concern == STATE:
            return value
        return f"{self.concern}{' ' if self.concern == ENQUEUE else '='}{value}"

    @property
    def text(self) -> str:
        """As a person reads it: `stop asked for by ann@node`."""
        return f"{self.verb} asked for by {self.by}"


def make_wish(concern: str, value: object) -> Wish:
    """Return a wish of whoever runs this program, now."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = "somebody"
    return Wish(concern, value, f"{user}@{socket.gethostname()}", time.time(), uuid.uuid4().hex)


def write_wish(storage: "BaseStorage", study_id: int, wish: Wish) -> None:
    """Keep the wish with the study; from now on every worker that claims a trial sees it."""
    content = {key: value for key, value in asdict(wish).items() if key != "concern"}
    # Each point that was enqueued is a trial of its own, and so none takes the place of another one.
    key = f"{ENQUEUE}:{wish.id}" if wish.concern == ENQUEUE else wish.concern
    storage.set_study_user_attr(study_id, PREFIX + key, content)


def wishes_in(attributes: Mapping[str, object]) -> dict[str, Wish]:
    """Return the last wish of each concern, and each point that was enqueued, from a study's user attributes.

    By the concern, `enqueue:` and its id for a point; what is no wish is left out.
    """
    found: dict[str, Wish] = {}
    for key, of in attributes.items():
        name = key.removeprefix(PREFIX)
        concern = name.partition(":")[0]
        if key.startswith(PREFIX) and concern in CONCERNS and isinstance(of, Mapping):
            wish = _read({"concern": concern, **of})
            found |= {name: wish} if wish else {}
    return found


def _read(content: Mapping[str, object]) -> Wish | None:
    try:
        return Wish(**content)  # type: ignore[arg-type]  # what another program has written is refused, or shown
    except TypeError:
        return None


def note_heard(directory: Path, wish: Wish) -> None:
    """Add a wish to those that the search in this sweep directory has obeyed. Two sweeps there may both add it."""
    with suppress(OSError), (directory / WISHES).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(wish)) + "\n")


def heard_in(directory: Path) -> list[Wish]:
    """Return the wishes that the search in this sweep directory has obeyed, in their order."""
    heard: dict[str, Wish] = {}
    with suppress(OSError):
        for line in (directory / WISHES).read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):  # half a line, of a process that was killed
                content = json.loads(line)
                wish = _read(content) if isinstance(content, Mapping) else None
                heard |= {wish.id: wish} if wish else {}
    return list(heard.values())
