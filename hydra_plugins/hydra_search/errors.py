"""What can go wrong with a search, as one tree, and the one form of every message."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from .secret_names import names_secret
from .urls import MASK, masked

OF_ONE_TRIAL = re.compile(r"0x[0-9a-f]+|[-+]?\d[\d.]*(e[-+]?\d+)?", re.IGNORECASE)


class SearchError(Exception):
    """Something that a person can mend; told in one message, without a traceback."""


class BadInput(SearchError, ValueError):
    """What the user wrote can't be run. The message names the key, the rule, the value received and the remedy."""


class NotFound(SearchError, LookupError):
    """There is no such search, or where it lives can't be opened."""


class Absent(NotFound):
    """It can be seen that there is no such study."""


class Undelivered(SearchError):
    """MLflow can't be reached at the end of a search; what it should know stands in the search's directories."""


def is_refusal(left: BaseException | None) -> bool:
    """Tell whether the program is left because the search was refused: then nothing of it has run."""
    return isinstance(left, SystemExit) and isinstance(left.__context__, BadInput)


class InvalidObjective(SearchError, ValueError):
    """A job returned something that can't be compared with other trials."""


class NotFinite(InvalidObjective):
    """What the job returned is nan or infinite: its parameters are to blame, as a rate at which a model diverges."""


class TrialLost(SearchError):
    """The study has closed a trial while its job went on: what the job returns counts for nothing."""


class CantStart(SearchError):
    """A worker can't reach the study, the sweep directory or the tracking store. The message says which and where."""


class DatabaseGone(SearchError):
    """The study's database server has not come back in time."""


def bad_input(key: str, value: object, rule: str, remedy: str) -> BadInput:
    """Phrase the message in the one form that all checks share; no password in the value is shown."""
    return BadInput(f"{key}: {rule}, got {shown(_without_secrets(value))}. {remedy}")


def _without_secrets(value: object) -> object:
    if isinstance(value, Mapping):
        hidden = {key: names_secret(str(key)) and isinstance(item, str) and item for key, item in value.items()}
        return {key: MASK if hidden[key] else _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return masked(value) if isinstance(value, str) else value


def shown(value: object) -> str:
    """Write a value as in YAML, on one line."""
    if value is None or value == "":
        return "null" if value is None else "an empty string"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return str(value)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return "Did you mean ...?" for the nearest known name, else the list of them."""
    names = sorted(known)
    near = get_close_matches(name.lower(), names, n=1)
    return f"Did you mean {near[0]}?" if near else f"Known: {', '.join(names) or 'none'}."


def one_line(error: object) -> str:
    """Return the text of an error without its line ends."""
    return " ".join(str(error).split())


def as_sentence(text: str) -> str:
    """Return a text with a large first letter; names in it keep theirs, as `str.capitalize` would not."""
    return text[:1].upper() + text[1:]


def without_numbers(reason: str) -> str:
    """Return what two trials have in common that fail for one reason; numbers and addresses are those of one trial."""
    return OF_ONE_TRIAL.sub("#", reason)


def raised_in(traceback: str) -> str:
    """Return the line of a traceback that says what was raised; the last one of a text that is none.

    The message may go on over further lines, or be indented there.
    """
    lines = traceback.strip().splitlines()
    frames = [place for place, line in enumerate(lines) if line.startswith("  File ")]
    raised = [line for line in lines[frames[-1] :] if not line.startswith(" ")] if frames else []
    return (raised or [line for line in reversed(lines) if not line.startswith(" ")] or [""])[0]
