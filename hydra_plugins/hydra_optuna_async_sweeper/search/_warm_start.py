"""The best trials of earlier searches, tried first in this one: `warm_start: [{study: NAME, top: 5}]`."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.errors import BadInput, bad_input
from hydra_plugins.hydra_search.grammar import override_text

from ..space._parameter import stored_text
from ..space._tree import Space
from ._earlier import Earlier, NewSearch, find_earlier, read_entries
from ._given import text_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

MOST_SAID = 20  # trials of a study that are left out, one by one


@dataclass(frozen=True)
class WarmStart:
    """A trial to run first."""

    params: Mapping[str, object]  # Optuna's
    origin: str  # the study and the number of the trial that it repeats: `first_try/12`


@dataclass(frozen=True)
class Target:
    """What an earlier trial is to fit."""

    space: Space
    value_of: Callable[[str], object]  # what every job has under a key
    has_own_space: bool  # a `custom_search_space`, whose parameters nobody knows before a trial

    def fit(self, trial: "FrozenTrial") -> dict[str, object]:
        """Return the trial's parameters as those of this space; what it leaves open is drawn.

        What the space lacks must be what every job has.

        Raises:
            BadInput: why it does not fit.
        """
        options = {stored_text(value) for value in trial.params.values()}
        given = {_key_of(name, options): value for name, value in trial.params.items()}
        searched = {parameter.config_key for _, parameter in self.space.walk()}
        values = {key: value for key, value in given.items() if key in searched or not self._has(key, value)}
        params = self.space.point(values, f"trial {trial.number}")
        if not params:
            remedy = "Name a study that searched the same keys."
            raise bad_input(f"trial {trial.number}", given, "has no parameter of the search space", remedy)
        return params

    def _has(self, key: str, stored: object) -> bool:
        """Tell whether every job has this value, or may be given it by the user's own space."""
        value = self.value_of(key)
        try:
            return self.has_own_space or value == stored or override_text(value) == stored_text(stored)
        except TypeError:  # no value that could stand in an override
            return False


def warm_starts(
    value: object, new: NewSearch, target: Target, enqueued: Iterable[Mapping[str, object]]
) -> list[WarmStart]:
    """Return the trials with which earlier searches start this one, best first, and say which are left out and why.

    Args:
        value: what the setting is.
        new: the search that is to start.
        target: what its trials are made of.
        enqueued: the parameters of trials that run first in any case.

    Raises:
        BadInput: the setting is malformed, or a study is not there, or has other objectives.
    """
    found: list[WarmStart] = []
    known = {text_of(params) for params in enqueued}
    for entry in read_entries(value):
        earlier = find_earlier(entry, new)
        taken, left_out = _choose(earlier, entry.top, target, known)
        found += taken
        known |= {text_of(each.params) for each in taken}
        _say(f"Warm start from {earlier.study_name} ({earlier.shown})", taken, left_out)
    return found


def _choose(
    earlier: Earlier, top: int, target: Target, known: Collection[str]
) -> tuple[list[WarmStart], list[BadInput]]:
    """Return the best `top` different trials that fit and whose texts are not known; why better ones are left out."""
    taken: dict[str, WarmStart] = {}
    left_out: list[BadInput] = []
    seen: list[Mapping[str, object]] = []
    for trial in earlier.ranked:
        if len(taken) == top:
            break
        if trial.params in seen:
            continue
        seen.append(trial.params)
        try:
            params = target.fit(trial)
        except BadInput as error:
            left_out.append(error)
            continue
        text = text_of(params)
        if text in known:
            left_out.append(BadInput(f"trial {trial.number}: the same is enqueued already"))
        else:
            taken.setdefault(text, WarmStart(params, f"{earlier.study_name}/{trial.number}"))
    return list(taken.values()), left_out


def _key_of(name: str, options: Collection[str]) -> str:
    """Return the config key of a parameter, which may be named with the options that lead to it: `svm/model.C`."""
    parts = name.split("/")
    while len(parts) > 1 and parts[0] in options:
        parts.pop(0)
    return "/".join(parts).lstrip("+")


def _say(whence: str, taken: Sequence[WarmStart], left_out: Sequence[BadInput]) -> None:
    numbers = ", ".join(each.origin.rpartition("/")[2] for each in taken)
    log.info(f"{whence} with trials {numbers}" if taken else f"{whence} with none of its trials")
    for reason in left_out[:MOST_SAID]:
        log.info(f"Left out: {reason}")
    if len(left_out) > MOST_SAID:
        log.info(f"Left out: {len(left_out) - MOST_SAID} more")
