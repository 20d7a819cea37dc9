"""Intermediate values on their way from the training loop to whoever listens (a tracker, a pruner)."""

import math
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Listener = Callable[[float, int], None]

_listeners: list[Listener] = []


def report(value: float, step: int) -> None:
    """Tell how good the job is after `step` (an epoch, a fold, counted from 0).

    In a search a pruner may answer with an exception that ends the trial; let it pass.

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
    number = float(value)
    if math.isnan(number):
        return  # nothing to compare and nothing to draw; the job's own result decides what it is worth
    with ExitStack() as calls:  # every one is called, also when one raises
        for listener in _listeners:
            calls.callback(listener, number, int(step))


@contextmanager
def listening(listener: Listener) -> "Iterator[None]":
    """Hand every reported value to `listener` inside the block. What it raises reaches the training loop."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
