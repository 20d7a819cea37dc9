"""A journal of which some lines can't be read or make no sense: what is whole is kept, and a copy of all.

A power cut, a full disk or an editor leaves such lines. Optuna ends with what its parser happens to raise.
"""

import json
import logging
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

from hydra_plugins.hydra_search.errors import one_line
from hydra_plugins.hydra_search.files import write_aside

from ._upstream import KEEP_NUMBERS

OPERATION = re.compile(rb'\{"op_code":(\d+),')
LONGEST_LINE = 2**20

log = logging.getLogger(__name__)


class _Lines(BaseJournalBackend):
    """The lines of a journal, which remembers how far a reader came."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.lines = lines
        self.at = 0

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:  # Any: JSON
        for at in range(log_number_from, len(self.lines)):
            self.at = at
            entry = json.loads(self.lines[at])
            if not isinstance(entry, dict):
                raise ValueError("no JSON object")
            yield entry

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise NotImplementedError


def ends_well(path: Path) -> bool:
    """Tell whether the last line can be read: Optuna ends over it only when another line follows."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - LONGEST_LINE))
        last = file.read().splitlines()[-1:]
    try:
        return all(isinstance(json.loads(line), dict) for line in last)
    except ValueError:
        return False


def mend(path: Path) -> bool:
    """Leave out the lines that can't be replayed. To be called by whoever may write.

    Studies and trials are numbered by the order of the lines that make them. So of a line that may be such a one,
    all that follow it are left out too: they might speak of other trials. Their jobs' directories stay.

    Returns:
        whether anything was left out.
    """
    lines = path.read_bytes().splitlines(keepends=True)
    whole = list(enumerate(lines, start=1))
    while (found := _first_damage([line for _, line in whole])) is not None:
        at, error = found
        number, line = whole[at]
        operation = OPERATION.match(line)
        n = 1 if operation is not None and int(operation[1]) in KEEP_NUMBERS else len(whole) - at
        rest = "" if n == 1 else f", and so are the {n - 1} after it"
        log.warning(f"{path}, line {number}: damaged ({one_line(error)}). It is left out{rest}.")
        del whole[at : at + n]
    if len(whole) == len(lines):
        return False
    copy = _free_name(path)
    shutil.copy2(path, copy)
    write_aside(path, b"".join(line for _, line in whole).decode())
    log.warning(f"The journal goes on with {len(whole)} of {len(lines)} lines; as it was, it is kept in {copy}.")
    return True


def _first_damage(lines: Sequence[bytes]) -> tuple[int, Exception] | None:
    backend = _Lines(lines)
    try:
        JournalStorage(backend)
    except Exception as error:  # whatever a line makes Optuna raise is what is wrong with the line
        return backend.at, error
    return None


def _free_name(path: Path) -> Path:
    numbers = ("", *(f"-{n}" for n in range(2, 1000)))
    return next(found for n in numbers if not (found := path.with_name(f"{path.name}.damaged{n}")).exists())
