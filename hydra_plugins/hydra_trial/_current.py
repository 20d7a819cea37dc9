"""The trial that this process is running, for the training code that wants to know."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class CurrentTrial(Protocol):
    """What a sweeper lends to the job while it runs."""

    @property
    def number(self) -> int:
        """The trial's number in its study."""

    def set_user_attr(self, key: str, value: object) -> None:
        """Keep a JSON value with the trial."""


_current: list[CurrentTrial] = []


class TrialPruned(Exception):
    """Raised by `report` when the trial is not worth going on with. Let it pass."""


def trial_number() -> int | None:
    """Return the number of the current trial; None outside a search."""
    return _current[-1].number if _current else None


def set_user_attr(key: str, value: object) -> None:
    """Keep a value that JSON can hold with the current trial, to be read in the study. Outside a search: nothing."""
    if _current:
        _current[-1].set_user_attr(key, value)


@contextmanager
def running(trial: CurrentTrial) -> Iterator[None]:
    """Make `trial` the current one inside the block."""
    _current.append(trial)
    try:
        yield
    finally:
        _current.remove(trial)
