"""`stop`, `cancel`, `pause`, `resume` and `set`: what is wished of a search that runs, kept in its study."""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.errors import SearchError, bad_input, suggestion
from hydra_plugins.hydra_search.sweeps import is_search_running
from hydra_plugins.hydra_search.wishes import (
    CANCEL,
    N_TRIALS,
    PAUSE,
    RESUME,
    STATE,
    STOP,
    TIMEOUT,
    make_wish,
    wishes_in,
    write_wish,
)

from ._found import Found, add_search, found
from ._output import add_json, say, say_json

if TYPE_CHECKING:
    from ._output import Verbs

HELP = {
    STOP: "let no trial start any more; those that run end, and with them the search",
    CANCEL: "requeue the trials that run, and end the search at once; the same command goes on with it later",
    PAUSE: "let no trial start until somebody resumes; those that run end",
    RESUME: "let trials start again",
}
NUMBERS = (N_TRIALS, TIMEOUT)


class NotRunning(SearchError):
    """Nobody is there who could do what is wished."""


def add(verbs: "Verbs") -> None:
    """Add them all."""
    for verb, text in HELP.items():
        parser = verbs.add_parser(verb, help=text, description=text)
        add_search(parser)
        add_json(parser)
        parser.set_defaults(run=_change_state)
    text = "change the budget of a search that runs: n_trials=200, timeout=3600 (seconds from its start; null for none)"
    parser = verbs.add_parser("set", help=text, description=text)
    add_search(parser)
    parser.add_argument("settings", nargs="+", metavar="KEY=VALUE", help=f"{' or '.join(NUMBERS)}, and its value")
    add_json(parser)
    parser.set_defaults(run=_set)


def _change_state(options: argparse.Namespace) -> None:
    _wish(options, {STATE: options.verb})


def _set(options: argparse.Namespace) -> None:
    _wish(options, read_settings(options.settings))


def _wish(options: argparse.Namespace, wanted: Mapping[str, object]) -> None:
    with found(options.search, options.storage) as search:
        _check_running(search, options.verb)
        wishes = [make_wish(concern, value) for concern, value in wanted.items()]
        for wish in wishes:
            write_wish(search.storage, search.study_id, wish)
    if options.json:
        listed = [{key: value for key, value in asdict(wish).items() if key != "id"} for wish in wishes]
        say_json({"study_name": search.study_name, "wishes": listed})
    else:
        say(f"{search.study_name}: {', '.join(wish.text for wish in wishes)}")


def _check_running(search: Found, verb: str) -> None:
    """Refuse, by NotRunning, what nobody would hear. A pause outlives sweeps: it can always be taken back."""
    from optuna.trial import TrialState

    attributes = search.storage.get_study_user_attrs(search.study_id)
    running = search.storage.get_all_trials(search.study_id, deepcopy=False, states=(TrialState.RUNNING,))
    state = wishes_in(attributes).get(STATE)
    if verb == RESUME and state and state.value == PAUSE:
        return
    if not is_search_running(attributes, running):
        raise NotRunning(f"the search {search.study_name!r} is not running")


def read_settings(given: Sequence[str]) -> dict[str, object]:
    """Read `n_trials=200 timeout=3600`; the last of a key counts, as in Hydra. Raises BadInput."""
    return dict(_read(one) for one in given)


def _read(given: str) -> tuple[str, object]:
    key, sign, text = given.partition("=")
    key = key.removeprefix("hydra.sweeper.")
    if key not in NUMBERS or not sign:
        remedy = suggestion(key, NUMBERS) if key not in NUMBERS else f"Write {key}=200, for example."
        raise bad_input("KEY=VALUE", given, "must set n_trials or timeout", remedy)
    if key == N_TRIALS:
        if not text.isascii() or not text.isdigit() or int(text) < 1:
            raise bad_input(key, text, "must be a whole number of 1 or more", "Write n_trials=200, for example.")
        return key, int(text)
    if text in ("null", "None", "none"):
        return key, None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        remedy = "Write timeout=600 for ten minutes from the start, or null for no limit."
        raise bad_input(key, text, "must be a number of seconds above 0", remedy)
    return key, int(seconds) if seconds.is_integer() else seconds
