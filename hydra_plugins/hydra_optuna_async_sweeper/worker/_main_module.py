"""The application's `__main__` in a worker, which does not run that script: what it defines travels by value.

Without it no worker could find `_target_: __main__.Model`, and no job could hand a function of its script to
`multiprocessing`, which sends the name alone.
"""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from typing import Any

import cloudpickle


@dataclass(frozen=True)
class MainModule:
    """What a worker is to know of `__main__`. To be pickled with all else that travels: a function is the same in all.

    Args:
        file: the script; processes that a job starts anew (`spawn`) run it, behind its `if __name__ == "__main__"`.
        module: its name, where it was started by `python -m`.
        members: its own functions and classes, as far as they can travel.
    """

    file: str | None
    module: str | None
    members: dict[str, Any] = field(default_factory=dict)  # Any: functions and classes

    @classmethod
    def here(cls) -> "MainModule":
        """Return that of this process."""
        main = sys.modules["__main__"]
        file, spec = getattr(main, "__file__", None), getattr(main, "__spec__", None)
        own = {name: value for name, value in vars(main).items() if getattr(value, "__module__", None) == "__main__"}
        members = {name: value for name, value in own.items() if callable(value) and _can_travel(value)}
        return cls(file and os.path.abspath(file), getattr(spec, "name", None), members)  # noqa: PTH100  # links kept

    def install(self) -> None:
        """Let this process have it as its own `__main__`, if that is another one: names that it has, it keeps."""
        main = sys.modules["__main__"]
        if self.file is None or MainModule.file_here() == self.file:
            return
        main.__file__ = self.file
        main.__spec__ = ModuleSpec(self.module, None) if self.module else None
        for name, value in self.members.items():
            vars(main).setdefault(name, value)

    @staticmethod
    def file_here() -> str | None:
        """Return the script of this process."""
        file = getattr(sys.modules["__main__"], "__file__", None)
        return file and os.path.abspath(file)  # noqa: PTH100  # as above


def _can_travel(value: object) -> bool:
    with suppress(Exception):  # whatever an object raises that can't be pickled
        cloudpickle.dumps(value)
        return True
    return False
