"""The parameters of a claimed trial: drawn, again where another trial has the same, and then written."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optuna import Trial
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search.owner import is_ours
from hydra_plugins.hydra_search.trials import FIXED, REPEATS

from .._upstream import HeldBack, trial_id
from ..search._ended import Ended
from ..search._spec import RESAMPLE, RUN

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from ._study import StudyOfTrial

    SamplerOf = Callable[[int, int], BaseSampler]


# Of one trial: a few by its sampler, then by chance, which finds 1 % of a space that are new in one case of five.
DRAWS = 25
SECONDS_BETWEEN_LOOKS = 0.5

Suggest = Callable[[Trial], list[str]]  # suggests every parameter of a trial, returns the overrides of its job


@dataclass(frozen=True)
class Drawn:
    """A trial with its parameters, which nobody else sees before they are released."""

    trial: Trial
    overrides: list[str]
    held: HeldBack
    known: FrozenTrial | None  # the trial that it repeats


class Points:
    """The points of a study's trials: one is looked up among those that have ended, and compared with the open ones."""

    def __init__(self) -> None:
        self._ended = Ended()
        self._places: dict[int, list[int]] = defaultdict(list)  # of trials that have ended, by the hash of their point

    def known(self, study: "StudyOfTrial", trial: Trial) -> FrozenTrial | None:
        """Return the first trial with the same parameters that has a result or may have one soon."""
        trials, params = study.get_trials(deepcopy=False), trial.params
        new, still_open = self._ended.look(trials)
        for place in new:
            self._places[_hash(trials[place].params)].append(place)
        candidates = [*self._places.get(_hash(params), ()), *still_open] if params else []
        for place in sorted(candidates):
            other: FrozenTrial = trials[place]
            if other.params == params and other.number != trial.number and _may_tell(other):
                return other
        return None


def _hash(params: Mapping[str, object]) -> int:
    try:
        return hash(frozenset(params.items()))
    except TypeError:  # a choice of the user's own space, like a list
        return hash(frozenset(params))


def draw(
    study: "StudyOfTrial",
    claimed: FrozenTrial,
    sampler_of: "SamplerOf",
    suggest: Suggest,
    duplicates: str,
    points: Points,
) -> Drawn:
    """Draw the parameters of a claimed trial. The same trial is given the same draws, whoever draws.

    A trial of which somebody has set parameters repeats none.

    Args:
        study: its sampler is that of the first draw, and hears of the trial's end whichever was the last.
        claimed: the trial, before it has parameters.
        sampler_of: makes a sampler for each draw, as `Samplers.of_trial` does.
        suggest: draws all parameters.
        duplicates: what is done with parameters that another trial has, see OptunaAsyncSweeperConf.
        points: of this worker's study, from draw to draw.
    """
    looked_up = None if claimed.system_attrs.get(FIXED) or duplicates == RUN else points
    first = study.sampler = sampler_of(claimed.number, 0)
    drawn = _draw_once(study, claimed, suggest, looked_up)
    for attempt in range(1, DRAWS if duplicates == RESAMPLE else 1):
        if drawn.known is None:
            break
        study.sampler = sampler_of(claimed.number, attempt)
        drawn = _draw_once(study, claimed, suggest, looked_up)
    study.sampler = first
    return drawn


def _draw_once(study: "StudyOfTrial", claimed: FrozenTrial, suggest: Suggest, points: Points | None) -> Drawn:
    with study.still():
        trial = Trial(study, trial_id(claimed))
        held = HeldBack(trial)
        overrides = suggest(trial)
    return Drawn(trial, overrides, held, points.known(study, trial) if points else None)


def _may_tell(trial: FrozenTrial) -> bool:
    closed = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
    return REPEATS not in trial.user_attrs and (closed or (trial.state is TrialState.RUNNING and is_ours(trial)))


def wait_for(
    study: "StudyOfTrial", drawn: Drawn, points: Points, sleep: Callable[[float], None] = time.sleep
) -> FrozenTrial | None:
    """Return the trial that `drawn` repeats when it has a result; None if none comes, so that the job is to be run.

    Only for a trial of a lower number is waited: no two wait for each other.
    """
    known = drawn.known
    while known is not None and known.state is TrialState.RUNNING:
        if known.number > drawn.trial.number:
            return None
        sleep(SECONDS_BETWEEN_LOOKS)
        known = points.known(study, drawn.trial)
    return known
