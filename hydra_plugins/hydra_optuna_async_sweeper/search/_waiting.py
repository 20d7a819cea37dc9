"""The trials that a queue is filled with: they wait, blank or with parameters."""

from collections.abc import Container, Iterable, Mapping

from optuna.trial import FrozenTrial, TrialState, create_trial

from hydra_plugins.hydra_search.trials import (
    CHECKPOINTS,
    CONFIRMS,
    FIXED,
    INTERRUPTED,
    LOST,
    QUEUED,
    RETRIES,
    RETRY_OF,
    WARM_START_OF,
    retries_of,
)

KEPT = (CONFIRMS, CHECKPOINTS, WARM_START_OF)  # what a repetition has of the trial that was lost


def retries_of_lost(lost: Iterable[FrozenTrial], again: Container[int | None]) -> list[FrozenTrial]:
    """Return trials that run lost ones again, but for those whose number is in `again`, for which there are some."""
    return [
        waiting_trial(
            {**trial.system_attrs.get(FIXED, {}), **trial.params},  # it may have been lost between two parameters
            {key: trial.user_attrs[key] for key in KEPT if key in trial.user_attrs}
            | {RETRY_OF: trial.number, RETRIES: retries_of(trial.user_attrs) + (trial.user_attrs[LOST] != INTERRUPTED)},
        )
        for trial in lost
        if trial.number not in again
    ]


def waiting_trial(
    params: Mapping[str, object] | None = None, attributes: Mapping[str, object] | None = None
) -> FrozenTrial:
    """Return a trial for the queue, blank or with parameters."""
    fixed = {} if params is None else {FIXED: dict(params)}
    return create_trial(state=TrialState.WAITING, system_attrs=fixed, user_attrs={QUEUED: True, **(attributes or {})})


def is_blank(trial: FrozenTrial) -> bool:
    """Tell whether its parameters are still to be drawn."""
    return FIXED not in trial.system_attrs
