"""What a training loop may call: `report(value, step)`, and, in a search, about its trial. Nothing without a search."""

from ._current import CurrentTrial, TrialPruned, running, set_user_attr, trial_number
from ._objective import InvalidObjective, objective_values
from ._reporting import Listener, listening, report

__all__ = [
    "CurrentTrial",
    "InvalidObjective",
    "Listener",
    "TrialPruned",
    "listening",
    "objective_values",
    "report",
    "running",
    "set_user_attr",
    "trial_number",
]
