"""The settings of the stop rules, checked."""

import math
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.errors import bad_input
from hydra_plugins.hydra_search.settings import Setting, read_setting

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from ..config import OptunaAsyncSweeperConf


def timeout_of(timeout: float | None, config: "DictConfig") -> float | None:
    """Return after how many seconds no trial starts any more. Raises BadInput."""
    if timeout is not None and not timeout > 0:  # not a number is neither
        setting = read_setting(config, "hydra.sweeper.timeout") or Setting("hydra.sweeper.timeout", timeout)
        remedy = f"Set {setting.source}=600 for ten minutes, or {setting.source}=null."
        raise bad_input(setting.name, setting.value, "must be a number of seconds above 0", remedy)
    return timeout


def trial_timeout_of(seconds: float | None) -> float | None:
    """Return how long a job may take, in seconds. Raises BadInput.

    To be asked before a job is composed: Hydra compares its settings with the sweep's, and nan is not equal to itself.
    """
    if seconds is not None and not 0 < seconds <= threading.TIMEOUT_MAX:  # not a number is neither
        remedy = "Set hydra.sweeper.trial_timeout=600 for ten minutes, or null."
        raise bad_input("hydra.sweeper.trial_timeout", seconds, "must be a number of seconds above 0", remedy)
    return seconds


def n_checkpoints_of(number: int | None) -> int | None:
    """Return of how many of the best trials checkpoints are kept; None for all. Raises BadInput."""
    if number is not None and number < 0:
        remedy = "Set hydra.sweeper.keep_checkpoints=3, for example, or null to keep all."
        raise bad_input("hydra.sweeper.keep_checkpoints", number, "must be 0 or more", remedy)
    return number


def target_of(target: float | None, directions: Sequence[str]) -> float | None:
    """Return the value that is good enough. Raises BadInput."""
    if target is not None and len(directions) > 1:
        remedy = "Leave it null, and bound the search by n_trials or timeout."
        raise bad_input("hydra.sweeper.target", target, "needs a single objective", remedy)
    return target


def stagnation_of(settings: "OptunaAsyncSweeperConf", directions: Sequence[str]) -> int | None:
    """Return after how many trials in a row without an improvement the search ends. Raises BadInput."""
    limit, least = settings.max_stagnation_trials, settings.min_improvement
    if limit is not None and len(directions) > 1:
        remedy = "Leave it null, and bound the search by n_trials or timeout."
        raise bad_input("hydra.sweeper.max_stagnation_trials", limit, "needs a single objective", remedy)
    if limit is not None and limit < 1:
        raise bad_input("hydra.sweeper.max_stagnation_trials", limit, "must be 1 or more", "Set it to null to go on.")
    if not 0 <= least < math.inf:
        raise bad_input("hydra.sweeper.min_improvement", least, "must be 0 or more", "Write 0.001, for example.")
    return limit


def dry_run_of(count: object) -> int | None:
    """Return how many trials a dry run shows; None where the search is to run. Raises BadInput."""
    if count is None or (isinstance(count, int) and not isinstance(count, bool) and count >= 1):
        return count
    if isinstance(count, str) and count.isdecimal() and int(count) >= 1:  # of the environment
        return int(count)
    remedy = "Set hydra.sweeper.dry_run=5 to see five trials, or null to run the search."
    raise bad_input("hydra.sweeper.dry_run", count, "must be a whole number, 1 or more", remedy)
