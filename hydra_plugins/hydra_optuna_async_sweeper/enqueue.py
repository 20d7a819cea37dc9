"""The front door for a point that somebody wants tried next, while the search runs or before it goes on."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.errors import BadInput, bad_input
from hydra_plugins.hydra_search.trials import FIXED, QUEUED

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

SPACE = "space"  # the study's attribute with the entries of the search space, as the last sweep has them


def enqueue(storage: "BaseStorage", study_id: int, lines: Sequence[str]) -> int:
    """Add a trial to the queue of a study; it is tried before those that are drawn. What it leaves out is drawn.

    Args:
        storage: the study's, open.
        study_id: its number there.
        lines: overrides, as `model.C=1.0`.

    Returns:
        the trial's number.

    Raises:
        BadInput: an unknown key, a value out of its range, a key of a branch that is not chosen; or the study does not
            say in which space it searches.
    """
    from optuna.trial import TrialState, create_trial

    from .space._tree import parse_space

    entries = storage.get_study_user_attrs(study_id).get(SPACE)
    if not isinstance(entries, Mapping):
        raise BadInput("the study does not say in which space it searches; a sweep of this version does when it starts")
    params = parse_space(entries).point(_values(lines), "enqueue")
    waiting = create_trial(state=TrialState.WAITING, system_attrs={FIXED: params}, user_attrs={QUEUED: True})
    trial_id = storage.create_new_trial(study_id, template_trial=waiting)
    return storage.get_trial(trial_id).number


def _values(lines: Sequence[str]) -> dict[str, object]:
    from hydra.errors import HydraException

    from hydra_plugins.hydra_search.grammar import parser

    values: dict[str, object] = {}
    for line in lines:
        try:
            override = parser().parse_override(line)
        except HydraException:
            raise bad_input("enqueue", line, "can't be read", "Write model.C=1.0, key and value.") from None
        if override.is_sweep_override() or override.is_delete():
            raise bad_input("enqueue", line, "must set one value", "Write model.C=1.0, key and value.")
        key = override.get_key_element().lstrip("+")
        if key in values:
            raise bad_input("enqueue", line, f"sets {key} once more", "Leave it in once.")
        values[key] = override.value()
    return values
