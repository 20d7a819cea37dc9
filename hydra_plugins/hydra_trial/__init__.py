"""What a training loop may call: `report(value, step)`, and, in a search, about its trial. Nothing without a search."""

from ._current import CurrentTrial, TrialPruned, running, set_user_attr, trial_number
from ._loopback import is_dead_loopback
from ._objective import InvalidObjective, objective_values
from ._periodic import every
from ._reporting import Listener, listening, report
from ._result import RESULT_FILE, load_result, save_result

__all__ = [
    "RESULT_FILE",
    "CurrentTrial",
    "InvalidObjective",
    "Listener",
    "TrialPruned",
    "every",
    "is_dead_loopback",
    "listening",
    "load_result",
    "objective_values",
    "report",
    "running",
    "save_result",
    "set_user_attr",
    "trial_number",
]
