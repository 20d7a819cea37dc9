"""A search as people want it now: what it was begun with, and what they have wished since. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.sweeps import sweep_in
from hydra_plugins.hydra_search.wishes import CANCEL, N_TRIALS, PAUSE, STATE, STOP, TIMEOUT, Wish, wishes_in

if TYPE_CHECKING:
    from ._spec import Search


def as_wished(begun: "Search", attributes: Mapping[str, object]) -> "Search":
    """Return the search as it is wanted now.

    Args:
        begun: with what this sweep was begun.
        attributes: the study's user attributes.
    """
    record = sweep_in(attributes, begun.key)
    search = replace(begun, timed_out=True) if record and record.timed_out else begun
    wishes = {concern: wish for concern, wish in wishes_in(attributes).items() if wish.id not in begun.heard}
    if not wishes:
        return search
    return replace(
        search,
        wishes=wishes,
        state=_state_of(wishes.get(STATE)),
        n_trials=_n_trials_of(wishes.get(N_TRIALS), begun),
        timeout=_timeout_of(wishes.get(TIMEOUT), begun),
    )


def of_others(attributes: Mapping[str, object]) -> frozenset[str]:
    """Return the ids of the wishes that a sweep which begins now does not obey: all but a pause."""
    return frozenset(wish.id for wish in wishes_in(attributes).values() if wish.value != PAUSE)


def _state_of(wish: Wish | None) -> str | None:
    return str(wish.value) if wish and wish.value in (PAUSE, STOP, CANCEL) else None


def _n_trials_of(wish: Wish | None, begun: "Search") -> int:
    if not wish or isinstance(wish.value, bool) or not isinstance(wish.value, int) or wish.value < 1:
        return begun.n_trials
    return wish.value if begun.grid_size is None else min(wish.value, begun.grid_size)


def _timeout_of(wish: Wish | None, begun: "Search") -> float | None:
    if not wish or isinstance(wish.value, bool) or not isinstance(wish.value, int | float | None):
        return begun.timeout
    return wish.value
