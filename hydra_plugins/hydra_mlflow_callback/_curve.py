"""The best value so far as a curve on the parent run: one point for each finished job, also while the search runs."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from ._delivery import log_values
from ._payload import clean_key, now
from ._record import JobRecord, SearchRecord, records_below
from ._settings import Settings
from ._tracking import connect

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 5.0
# Reading the records of a large search takes its time: at most this share of it.
SHARE = 0.05
# A job that ended before another one may be heard of after it, and would change the points that follow.
SETTLED_AFTER = 2.0

Point = tuple[str, float, int, int]


def best_curve(records: Sequence[JobRecord], settings: Settings) -> list[Point]:
    """Return the points (key, value, time in ms, step) of `best_<metric>`, for each objective on its own.

    The step is the number of finished jobs, in the order in which they ended. The points of the same jobs are the same
    whenever they are drawn, and MLflow keeps a point once however often it is logged.
    """
    finished = sorted((r for r in records if r.status == "FINISHED" and r.values), key=lambda r: (r.end_time, r.number))
    points: list[Point] = []
    for i, (metric, direction) in enumerate(zip(settings.metrics, settings.directions, strict=False)):
        better = max if direction == "maximize" else min
        best: float | None = None
        for step, record in enumerate(finished, start=1):
            best = record.values[i] if best is None else better(best, record.values[i])
            points.append((clean_key(f"best_{metric}"), best, record.end_time or 0, step))
    return sorted(points, key=lambda point: point[3])


class LiveCurve:
    """Sends the points of a search while it runs. What it can't send, the search's end does."""

    def __init__(self, search: SearchRecord, directory: Path) -> None:
        self.search = search
        self.directory = directory
        self._n_sent = 0
        self._not_before = 0.0

    def show(self) -> None:
        """Send what is new, unless the last look was expensive and is not long ago."""
        start = time.monotonic()
        if start < self._not_before:
            return
        latest = now() - SETTLED_AFTER * 1000
        records = [record for _, record in records_below(self.directory, self.search.run_id)]
        points = best_curve([r for r in records if (r.end_time or latest + 1) <= latest], self.search.settings)
        try:
            if points[self._n_sent :]:
                log_values(connect(self.search.settings), self.search.run_id, points[self._n_sent :])
            self._n_sent = len(points)
        except Exception as error:  # whatever a server or a network raises: the end of the search tells it
            log.debug("MLflow can't take the curve now: %s", error)
        self._not_before = start + (time.monotonic() - start) / SHARE
