"""How far the search is: a line that stays at the bottom of a terminal, or a plain line now and then in a log."""

import os
import sys
import time
from typing import TYPE_CHECKING, TextIO

from optuna.trial import FrozenTrial, TrialState

from ._stop import is_put_back

if TYPE_CHECKING:
    from ._search import Search

SECONDS_BETWEEN_LINES = 10.0

SAVE, RESTORE, WHOLE_SCREEN = "\x1b7", "\x1b8", "\x1b[r"


class PlainProgress:
    """Writes a line at most every ten seconds, and only if it says something new."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last = time.monotonic()
        self._said = ""

    def show(self, line: str) -> None:
        """Write the line if it is time."""
        if line != self._said and time.monotonic() - self._last >= SECONDS_BETWEEN_LINES:
            self._stream.write(f"{line}\n")
            self._stream.flush()
            self._said, self._last = line, time.monotonic()

    def close(self) -> None:
        """Leave what was written."""


class TerminalProgress:
    """Keeps the last line of the terminal for itself; everything else scrolls above it.

    Jobs write to the terminal from processes of their own, so nothing that only redirects this process's output
    would keep the line whole. The terminal's scrolling region does (DECSTBM, https://vt100.net/docs/vt510-rm/DECSTBM).
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._rows = 0

    def show(self, line: str) -> None:
        """Draw the line anew."""
        size = os.get_terminal_size(self._stream.fileno())
        if size.lines != self._rows:  # the first time, or the window has changed
            self._rows = size.lines
            # A cursor that stands on the last line must leave it before the line is taken.
            self._stream.write(f"\n\x1b[1A{SAVE}\x1b[1;{size.lines - 1}r{RESTORE}")
        self._draw(line[: size.columns - 1])

    def close(self) -> None:
        """Give the line back."""
        if self._rows:
            self._draw("")
            self._stream.write(f"{SAVE}{WHOLE_SCREEN}{RESTORE}")
            self._stream.flush()

    def _draw(self, text: str) -> None:
        self._stream.write(f"{SAVE}\x1b[{self._rows};1H\x1b[2K{text}{RESTORE}")
        self._stream.flush()


def progress_on(stream: TextIO) -> PlainProgress | TerminalProgress:
    """Return what suits the stream."""
    fits = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return TerminalProgress(stream) if fits else PlainProgress(stream)


def progress_line(trials: list[FrozenTrial], search: "Search", seconds: float, finished_before: int) -> str:
    """Say how many trials are done, pruned, failed, which value is the best, and how long the rest may take.

    Args:
        trials: all of the study's.
        search: what is asked for.
        seconds: since this sweep started.
        finished_before: trials that were finished then.
    """
    counted = [trial for trial in trials if not is_put_back(trial, search.max_retries)]
    count = {state: sum(trial.state is state for trial in counted) for state in TrialState}
    done = sum(count[state] for state in TrialState if state.is_finished())
    parts = [f"{done}/{search.n_trials} trials", f"{count[TrialState.RUNNING]} running"]
    parts += [f"{count[TrialState.PRUNED]} pruned"] if count[TrialState.PRUNED] else []
    parts += [f"{count[TrialState.FAIL]} failed"] if count[TrialState.FAIL] else []
    values = [trial.values[0] for trial in counted if trial.state is TrialState.COMPLETE]
    if values and len(search.directions) == 1:
        parts.append(f"best {(max if search.directions[0] == 'maximize' else min)(values):.6g}")
    new = done - finished_before
    if new > 0:
        parts.append(f"about {seconds / new * (search.n_trials - done):.0f} s left")
    return ", ".join(parts)


def standard_progress() -> PlainProgress | TerminalProgress:
    """Return the progress on standard error, which no job's result is read from."""
    return progress_on(sys.stderr)
