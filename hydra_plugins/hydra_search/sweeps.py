"""The sweeps that work, or have worked, on a study: each keeps a record of itself among the study's attributes."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from .owner import Owner, is_ours, owner_of

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

PREFIX = "sweep:"  # of the study's user attributes; behind it the sweep's key


@dataclass(frozen=True)
class SweepRecord:
    """What is known of a sweep. Times are seconds since the epoch, by the clock of its own machine."""

    key: str
    owner: Mapping[str, object]  # the process, as Owner.as_attribute has it
    started: float
    n_jobs: int
    n_trials: int  # as they are now: who sets them changes them here too
    timeout: float | None  # seconds from the start
    timed_out: bool = False  # said by the sweep itself: a worker elsewhere has another clock
    ended: str | None = None  # how, like `ended by stop`, `interrupted`; None while it runs, and if it was killed
    ended_at: float | None = None

    def is_running(self) -> bool:
        """Tell whether the sweep runs: of one on another machine that has not said its end, it is believed."""
        owner = Owner.of_attribute(self.owner)
        return self.ended is None and owner is not None and (not owner.is_here() or owner.is_alive())

    def end(self, how: str) -> "SweepRecord":
        """Return the record of the sweep that ends now."""
        return replace(self, ended=how, ended_at=time.time())


def write_sweep(storage: "BaseStorage", study_id: int, record: SweepRecord) -> None:
    """Keep the record with the study."""
    content = {key: value for key, value in asdict(record).items() if key != "key"}
    storage.set_study_user_attr(study_id, PREFIX + record.key, content)


def sweep_in(attributes: Mapping[str, object], key: str) -> SweepRecord | None:
    """Return the record of a sweep, from a study's user attributes."""
    content = attributes.get(PREFIX + key)
    try:
        return SweepRecord(key=key, **content) if isinstance(content, Mapping) else None
    except TypeError:  # of another version
        return None


def sweeps_in(attributes: Mapping[str, object]) -> list[SweepRecord]:
    """Return the records of all sweeps, the latest last."""
    keys = [key.removeprefix(PREFIX) for key in attributes if key.startswith(PREFIX)]
    found = [record for key in keys if (record := sweep_in(attributes, key))]
    return sorted(found, key=lambda record: record.started)


def is_search_running(attributes: Mapping[str, object], running: Iterable["FrozenTrial"]) -> bool:
    """Tell whether a sweep runs, or a worker that has outlived its sweep goes on with a trial.

    Args:
        attributes: the study's user attributes.
        running: its trials that run.
    """
    if any(record.is_running() for record in sweeps_in(attributes)):
        return True
    owners = [owner_of(trial) for trial in running if is_ours(trial)]
    return any(owner is not None and (not owner.is_here() or owner.is_alive()) for owner in owners)
