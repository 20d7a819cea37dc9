"""Whose files go to MLflow: those of all jobs as they end, of none, or of the best ones when the search ends."""

from collections.abc import Sequence
from pathlib import Path

from ._record import JobRecord, SearchRecord
from ._summary import ranked
from .config import Settings


def takes_files(settings: Settings, record: JobRecord) -> bool:
    """Tell whether artifacts and model of the job go with its record; those of a job that is no search always do."""
    return record.parent_run_id is None or settings.n_kept is None or record.is_kept


def mark_kept(search: SearchRecord, jobs: Sequence[tuple[Path, JobRecord]]) -> None:
    """Let the best jobs be delivered once more, with their files, where only those of the best are uploaded.

    Not while another sweep of the search goes on, which may find better ones.
    """
    number = search.settings.n_kept
    if not number or search.sweeps:
        return
    best = {record.key for record in ranked([record for _, record in jobs], search.settings.directions)[:number]}
    for path, record in jobs:
        if record.key in best and not record.is_kept:
            record.is_kept, record.sent = True, False
            record.save(path)
