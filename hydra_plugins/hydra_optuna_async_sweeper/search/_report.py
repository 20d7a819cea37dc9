"""The report of a search: written again and again while it runs, and a last time when it is over."""

import logging
import shlex
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.commands import module_command
from hydra_plugins.hydra_search.errors import one_line
from hydra_plugins.hydra_search.files import REPORT
from hydra_plugins.hydra_search.wishes import PAUSE, STATE
from hydra_plugins.hydra_search_report.report import SearchFacts, note_running, write_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial

    from ._spec import Search

log = logging.getLogger(__name__)

# Seconds from one report of a running search to the next: few while the search is young, and never so few that reports
# take more than a twentieth of a core.
SECONDS_TO_FIRST, SECONDS_BETWEEN_REPORTS, SECONDS_IN_THE_LONG_RUN = 5.0, 10.0, 60.0
SHARE, SHARE_OF_AGE = 20, 60
NOTHING = (0, 0, "")  # trials that have ended, steps that were reported, and what was said of the search


class NoReport:
    """Stands for a report that is not wanted."""

    def obey(self, search: "Search") -> None:
        """Know nothing."""

    def look(self, trials: "Sequence[FrozenTrial]") -> None:
        """Write nothing."""

    def finish(self, trials: "Sequence[FrozenTrial]", status: str) -> bool:
        """Write nothing. Returns False only for a report that is wanted and that the disk does not take."""
        return True


class Report(NoReport):
    """The files that hydra_search_report makes in the sweep directory."""

    def __init__(self, facts: SearchFacts, directory: Path) -> None:
        self.directory = directory
        self.facts = facts
        facts.save(directory)
        self._began = time.monotonic()
        self._due = self._sign_due = self._began + SECONDS_TO_FIRST
        self._took = 0.0
        self._known = NOTHING
        self._status = "running"
        self._one_at_a_time = threading.Lock()  # who looks may still be writing when the search ends
        self._is_over = False

    def obey(self, search: "Search") -> None:
        """Write from now on for how many trials the search is, and whether it pauses."""
        self._status = f"running, paused by {search.wishes[STATE].by}" if search.state == PAUSE else "running"
        if search.n_trials != self.facts.n_trials:
            self.facts = replace(self.facts, n_trials=search.n_trials)
            with suppress(OSError):  # a full disk: the report itself will say so
                self.facts.save(self.directory)

    def look(self, trials: "Sequence[FrozenTrial]") -> None:
        """Write the report again if there is something new, and not too soon after the last time.

        Where nothing is new it is noted in the page that the search still runs.
        """
        with self._one_at_a_time:
            if self._is_over or time.monotonic() < self._due:
                return
            known = sum(t.state.is_finished() for t in trials), sum(len(t.intermediate_values) for t in trials)
            if (*known, self._status) != self._known and any(known):
                started = time.thread_time()
                self._write(trials, self._status)
                # what it takes to load the libraries is taken once
                self._took = time.thread_time() - started if self._known != NOTHING else self._took
                self._known = (*known, self._status)
                self._due = self._sign_due = time.monotonic() + self._pause()
            elif time.monotonic() > self._sign_due:
                self._note_running()
                self._sign_due = time.monotonic() + self._pause()

    def _pause(self) -> float:
        """Return how many seconds lie between this report and the next."""
        of_age = (time.monotonic() - self._began) / SHARE_OF_AGE
        return max(SECONDS_BETWEEN_REPORTS, min(of_age, SECONDS_IN_THE_LONG_RUN), SHARE * self._took)

    def _note_running(self) -> None:
        try:
            note_running(self.directory)
        except OSError as error:  # no page yet, or none any more
            log.debug("The report could not be kept alive: %s", error)

    def finish(self, trials: "Sequence[FrozenTrial]", status: str) -> bool:
        """Write the last report, and say where to look."""
        if not any(trial.state.is_finished() or trial.datetime_start for trial in trials):
            return True
        with self._one_at_a_time:
            self._is_over = True
            written = self._write(trials, status)
        if written:
            log.info(f"Report: {self.facts.directory}/{REPORT}")
        if self.facts.storage.endswith(".log") or "://" in self.facts.storage:
            log.info(f"Look at the study: optuna-dashboard {shlex.quote(self.facts.storage)}")
        return written is not False

    def _write(self, trials: "Sequence[FrozenTrial]", status: str) -> bool | None:
        """Return whether it is written: False if the disk does not take it, None if it can't be made."""
        try:
            write_report(self.facts, trials, self.directory, status, self._pause())
        except OSError as error:  # a full disk, a directory that is gone: nothing in here that a traceback would show
            again = module_command("hydra_plugins.hydra_search_report", self.directory)
            log.warning(f"The report could not be written: {one_line(error)}. Write it again when it can be: {again}")
            return False
        except Exception:  # a picture of the search is not worth the search
            log.warning("The report could not be made.", exc_info=True)
            return None
        return True
