"""The parameters of a claimed trial: drawn, again where another trial has the same, and then written."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optuna import Study, Trial
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.hydra_search.owner import is_ours
from hydra_plugins.hydra_search.trials import FIXED, REPEATS

from .._upstream import HeldBack, trial_id

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    SamplerOf = Callable[[int, int], BaseSampler]

DUPLICATES = RUN, REUSE, RESAMPLE = "run", "reuse", "resample"
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


def draw(study: Study, claimed: FrozenTrial, sampler_of: "SamplerOf", suggest: Suggest, duplicates: str) -> Drawn:
    """Draw the parameters of a claimed trial. The same trial is given the same draws, whoever draws.

    A trial of which somebody has set parameters repeats none.

    Args:
        study: its sampler is that of the first draw, and hears of the trial's end whichever was the last.
        claimed: the trial, before it has parameters.
        sampler_of: makes a sampler for each draw, as `Samplers.of_trial` does.
        suggest: draws all parameters.
        duplicates: what is done with parameters that another trial has, see OptunaAsyncSweeperConf.
    """
    is_free = not claimed.system_attrs.get(FIXED) and duplicates != RUN
    first = study.sampler = sampler_of(claimed.number, 0)
    drawn = _draw_once(study, claimed, suggest, is_free)
    for attempt in range(1, DRAWS if duplicates == RESAMPLE else 1):
        if drawn.known is None:
            break
        study.sampler = sampler_of(claimed.number, attempt)
        drawn = _draw_once(study, claimed, suggest, is_free)
    study.sampler = first
    return drawn


def _draw_once(study: Study, claimed: FrozenTrial, suggest: Suggest, is_free: bool) -> Drawn:
    trial = Trial(study, trial_id(claimed))
    held = HeldBack(trial)
    overrides = suggest(trial)
    return Drawn(trial, overrides, held, _known(study, trial) if is_free else None)


def _known(study: Study, trial: Trial) -> FrozenTrial | None:
    """Return the first trial with the same parameters that has a result or may have one soon."""
    params = trial.params
    for other in study.get_trials(deepcopy=False):
        if other.params == params and params and other.number != trial.number and _may_tell(other):
            return other
    return None


def _may_tell(trial: FrozenTrial) -> bool:
    closed = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
    return REPEATS not in trial.user_attrs and (closed or (trial.state is TrialState.RUNNING and is_ours(trial)))


def wait_for(study: Study, drawn: Drawn, sleep: Callable[[float], None] = time.sleep) -> FrozenTrial | None:
    """Return the trial that `drawn` repeats when it has a result; None if none comes, so that the job is to be run.

    Only for a trial of a lower number is waited: no two wait for each other.
    """
    known = drawn.known
    while known is not None and known.state is TrialState.RUNNING:
        if known.number > drawn.trial.number:
            return None
        sleep(SECONDS_BETWEEN_LOOKS)
        known = _known(study, drawn.trial)
    return known
