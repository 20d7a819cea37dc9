"""What a training loop may call: `report(value, step)`. It does nothing until somebody listens."""

from ._objective import InvalidObjective, objective_values
from ._reporting import Listener, listening, report

__all__ = ["InvalidObjective", "Listener", "listening", "objective_values", "report"]
