"""What a killed writer leaves in the journal, and who may write."""

from pathlib import Path

import pytest
from filelock import FileLock, Timeout
from optuna.study import StudyDirection

from hydra_plugins.hydra_optuna_async_sweeper.storage._journal import Journal
from hydra_plugins.hydra_search.studies import journal_lock


def test_half_line_of_a_killed_writer_is_cut_off_and_the_next_line_is_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.log")
    journal.open().create_new_study([StudyDirection.MAXIMIZE], "before")
    with journal.file.open("ab") as file:
        file.write(b'{"op_code":0,"worker_id":"ki')
    journal.open().create_new_study([StudyDirection.MAXIMIZE], "after")
    assert [study.study_name for study in journal.open().get_all_studies()] == ["before", "after"]


def test_writer_waits_until_the_one_before_has_written(tmp_path: Path) -> None:
    (tmp_path / "journal.log").touch()
    lock, other = journal_lock(tmp_path / "journal.log"), FileLock(tmp_path / ".journal.log.lock")
    lock.acquire()
    with pytest.raises(Timeout):
        other.acquire(blocking=False)
    lock.release()
    other.acquire(blocking=False)
    other.release()
