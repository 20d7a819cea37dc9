"""What a job and its sweeper say to each other: the current trial, and who listens to what is reported."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

Listener = Callable[[float, int], None]


class TrialPruned(Exception):
    """Raised by `report` when the trial is not worth going on with. Let it pass. A job may raise it by itself too."""


class CurrentTrial(Protocol):
    """What a sweeper lends to the job while it runs."""

    @property
    def number(self) -> int:
        """The trial's number in its study."""

    @property
    def confirms(self) -> int | None:
        """The number of the trial whose parameters it runs again after the search; None in the search itself."""

    def set_user_attr(self, key: str, value: object) -> None:
        """Keep a JSON value with the trial."""

    def checkpoint_dir(self) -> Path:
        """Return the directory, which is there, that the trial has in common with those that repeat it when it is lost.

        Raises what ends a job whose trial somebody else has closed.
        """


_current: list[CurrentTrial] = []
_listeners: list[Listener] = []
_muted: list[bool] = []


def trial_number() -> int | None:
    """Return the number of the current trial; None outside a search."""
    return _current[-1].number if _current else None


def confirmed_number() -> int | None:
    """Return the number of the trial whose parameters the current one runs again, to confirm it; None for any other."""
    return _current[-1].confirms if _current else None


def set_user_attr(key: str, value: object) -> None:
    """Keep a value that JSON can hold with the current trial, to be read in the study. Outside a search: nothing.

    Raises:
        ValueError: the search writes under this key itself.
    """
    if _current:
        _current[-1].set_user_attr(key, value)


def checkpoint_dir() -> Path:
    """Return a directory for what the job needs to go on where it was; it is there.

    In a search it belongs to the trial: when that is requeued, because its worker was killed, preempted or lost, the
    job that begins again, here or on another machine, is given the same directory with all that was left in it.
    Elsewhere it is the job's own output directory; without Hydra, the working directory.

    Write aside and rename (`path.replace`): the job may be killed at any moment. Call it anew, or `report`, for each
    checkpoint: a job that was taken for lost, and whose trial runs elsewhere by now, is ended by an exception there
    before it writes where the other one does; let it pass. Call it in the job's own process, not in its children.
    """
    if _current:
        return _current[-1].checkpoint_dir()
    from hydra.core.hydra_config import HydraConfig

    directory = Path(HydraConfig.get().runtime.output_dir) if HydraConfig.initialized() else Path.cwd()
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def report(value: float, step: int) -> None:
    """Tell how good the job is after `step` (an epoch, a fold, counted from 0).

    In a search a pruner may answer with an exception that ends the trial; let it pass. Of one step the first value
    counts. `nan` says that the job diverges.

    Raises:
        TypeError: `value` is no number or `step` no whole number.
        ValueError: `step` is negative.
    """
    if isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
        raise TypeError(f"report(value, step): value must be a number, got {value!r}")
    if isinstance(step, bool) or not hasattr(step, "__index__"):
        raise TypeError(f"report(value, step): step must be a whole number, got {step!r}")
    if step < 0:
        raise ValueError(f"report(value, step): step must be 0 or more, got {step}")
    number = float(value)  # nan and infinite too: a job that diverges is one to prune
    if any(_muted):
        return
    with ExitStack() as calls:  # every one is called, also when one raises
        for listener in _listeners:
            calls.callback(listener, number, int(step))


@contextmanager
def muted(*, when: bool = True) -> Iterator[None]:
    """Let nothing be heard that is reported inside the block: the steps of a part, a fold, are none of the whole."""
    _muted.append(when)
    try:
        yield
    finally:
        _muted.pop()


@contextmanager
def running(trial: CurrentTrial) -> Iterator[None]:
    """Make `trial` the current one inside the block."""
    _current.append(trial)
    try:
        yield
    finally:
        _current.remove(trial)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hand every reported value to `listener` inside the block. What it raises reaches the training loop."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
