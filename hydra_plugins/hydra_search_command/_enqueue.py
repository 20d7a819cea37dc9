"""`enqueue`: one trial to be tried next, checked against the search space.

What it leaves out is drawn. JSON (--json), one object: study_name; trial, its number; params, as Optuna has them;
is_next, false where the search is over, and the trial waits until it goes on.
"""

import argparse
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.wishes import ENQUEUE, make_wish, write_wish

from ._found import add_search, found
from ._output import add_json, describe, overrides_text, say, say_json

if TYPE_CHECKING:
    from ._output import Verbs
    from ._state import State


def add(verbs: "Verbs") -> None:
    """Add it."""
    parser = describe(verbs.add_parser("enqueue", help="one trial to be tried next, as 'model.C=1.0'"), __doc__)
    add_search(parser)
    parser.add_argument("overrides", nargs="+", metavar="KEY=VALUE", help="a key of the search space and its value")
    add_json(parser)
    parser.set_defaults(run=_enqueue)


def _enqueue(options: argparse.Namespace) -> None:
    from hydra_plugins.hydra_optuna_async_sweeper.enqueue import enqueue

    from ._state import State

    with found(options.search, options.storage) as search:
        number = enqueue(search.storage, search.study_id, options.overrides)
        state = State.of(search)
        trial = state.trials[number]
        is_next, shown = is_next_one(state), state.params(trial)
        write_wish(search.storage, search.study_id, make_wish(ENQUEUE, overrides_text(shown)))  # who wanted it
    if options.json:
        content = {"study_name": search.study_name, "trial": number, "params": shown, "is_next": is_next}
        say_json(content)
        return
    say(f"trial {number} {'is tried next' if is_next else 'waits'}: {overrides_text(shown)}")
    if not is_next:
        extend = search.facts.extend if search.facts else ""
        command = f": {extend}" if extend else ""
        name = search.study_name
        say(f"The search {name} {_why(state)}; it is tried when {name} goes on, with a larger n_trials{command}")


def is_next_one(state: "State") -> bool:
    """Tell whether the search runs and has room for the trial that was enqueued last."""
    if not state.is_running() or state.n_trials is None:
        return state.is_running()
    wanted = [trial for trial in state.trials if trial.state.name == "WAITING" and trial.system_attrs]
    return state.n_over + len(state.running) + len(wanted) <= state.n_trials


def _why(state: "State") -> str:
    return "has no trial left to begin" if state.is_running() else f"is {state.state()[0]}"
