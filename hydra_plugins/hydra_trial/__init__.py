"""What a training loop may call: `report(value, step)`, `checkpoint_dir()`, and, in a search, about its trial.

A job calls the names of `__all__`. A sweeper lends the job its trial by `running`, and whoever wants the reported
values (a pruner, a tracker) asks for them by `listening`.
"""

from ._trial import TrialPruned, checkpoint_dir, confirmed_number, muted, report, set_user_attr, trial_number
from ._trial import listening as listening
from ._trial import running as running

__all__ = ["TrialPruned", "checkpoint_dir", "confirmed_number", "muted", "report", "set_user_attr", "trial_number"]
