"""The verbs of the command, each module with its own: one line for each."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from . import _afterwards, _clean, _compare, _enqueue, _list, _reference, _status, _steer

if TYPE_CHECKING:
    from ._output import Verbs

# Each adds the parsers of its verbs, with `run`: called with the options, it returns the exit status, None for 0.
ADD: tuple[Callable[["Verbs"], None], ...] = (
    _status.add,
    _list.add,
    _compare.add,
    _steer.add,
    _enqueue.add,
    _clean.add,
    _afterwards.add,
    _reference.add,
)
