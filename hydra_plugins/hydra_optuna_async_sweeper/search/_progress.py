"""How far the search is: a line that stays at the bottom of a terminal, or a plain line now and then in a log."""

import os
import re
import sys
import time
from typing import TYPE_CHECKING, TextIO

from hydra_plugins.hydra_search.trials import Outcome, best_trials, is_confirmation, searched
from hydra_plugins.hydra_search.wishes import PAUSE

from ._ended import Ended

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial

    from ._spec import Search
    from ._tally import Tally

SECONDS_BETWEEN_LINES = 10.0

# Of a number that is shown in a line; files have all of them.
DIGITS = ".4g"

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


def _own(stream: TextIO) -> TextIO:
    """Return the stream under a descriptor of its own, which stays when the output of a job goes elsewhere."""
    try:
        return os.fdopen(os.dup(stream.fileno()), "w", buffering=1)
    except (OSError, ValueError):  # it is no file's
        return stream


class Progress:
    """Shows how far the search is, on standard error, which no job's result is read from."""

    def __init__(self, search: "Search", over_before: int) -> None:
        self._search = search
        self._over_before = over_before
        self._stream = _own(sys.stderr)
        self._display = progress_on(self._stream)
        self._started = time.monotonic()
        self._ended = Ended()
        self._best: list[FrozenTrial] = []  # one, or none, of those that have ended

    def look(self, tally: "Tally") -> None:
        """Show the study as it is now."""
        new, _ = self._ended.look(tally.trials)
        if new and len(self._search.directions) == 1:
            # what was confirmed says anew which of all is the best
            compared = tally.trials if tally.confirmed else [*self._best, *(tally.trials[place] for place in new)]
            self._best = best_trials(compared, self._search.directions)[:1]
        seconds = time.monotonic() - self._started
        self._display.show(progress_line(tally, self._best[0] if self._best else None, seconds, self._over_before))

    def close(self) -> None:
        """Give the terminal's last line back."""
        self._display.close()
        if self._stream is not sys.stderr:
            self._stream.close()


def progress_line(tally: "Tally", best: "FrozenTrial | None", seconds: float, over_before: int) -> str:
    """Say how many trials are done, pruned, failed, which value is the best, and how long the rest may take.

    This sweep started so many `seconds` ago, when `over_before` trials were over.
    """
    search, count, done = tally.search, tally.count, len(tally.over)
    running = sum(trial.state.name == "RUNNING" for trial in searched(tally.open))
    parts = [f"{done}/{search.n_trials} trials", f"{running} running"]
    parts += [
        f"{count[outcome]} {outcome}"
        for outcome in (Outcome.PRUNED, Outcome.FAILED, Outcome.REPEATED)
        if count[outcome]
    ]
    if confirming := tally.confirmed + sum(map(is_confirmation, tally.open)):
        parts.append(f"{tally.confirmed} of {confirming} confirmed")
    if best and len(search.directions) == 1:
        parts.append(f"best {best.values[0]:{DIGITS}}")
    new = done - over_before
    if search.state == PAUSE:
        parts.append("paused")
    elif new > 0:
        parts.append(f"about {seconds / new * (search.n_trials - done):.0f} s left")
    return ", ".join(parts)


def values_text(metrics: "Sequence[str]", values: "Sequence[float]") -> str:
    """Write what a trial returned: `accuracy 0.9649, log_loss 0.09257`."""
    return ", ".join(f"{metric} {value:{DIGITS}}" for metric, value in zip(metrics, values, strict=True))


def brief(override: str) -> str:
    """Write an override with as many digits of a real number as a line shows: `x=0.3745`."""
    key, _, value = override.partition("=")
    try:
        return override if re.fullmatch(r"[-+]?\d+", value) else f"{key}={float(value):{DIGITS}}"
    except ValueError:
        return override
