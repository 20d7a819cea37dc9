import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hydra_plugins.hydra_optuna_async_sweeper.worker._output import AUTO, CONSOLE, FILE, is_kept, output_in


@pytest.mark.parametrize(
    ("wanted", "n_jobs", "apart", "kept"),
    [(AUTO, 2, True, True), (AUTO, 1, True, False), (AUTO, 2, False, False), (FILE, 1, False, True),
     (CONSOLE, 2, True, False)],
)  # fmt: skip
def test_output_is_kept_in_the_log_where_workers_are_several_or_it_is_asked_for(
    wanted: str, n_jobs: int, apart: bool, kept: bool
) -> None:
    assert is_kept(wanted, n_jobs, apart) is kept


def test_output_of_a_job_in_a_thread_is_not_kept_because_other_threads_share_it() -> None:
    with ThreadPoolExecutor() as threads:
        assert not threads.submit(is_kept, FILE, 2, True).result()


def test_output_goes_to_the_console_again_after_an_exception_and_after_a_block_inside(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError), output_in(tmp_path / "outer.log") as outer:
        print("outer")
        with output_in(tmp_path / "inner.log"):
            os.write(1, b"inner\n")
        print("outer again", file=sys.stderr)
        raise ValueError("the job's")
    print("console")
    assert capfd.readouterr() == ("console\n", "")
    assert outer == tmp_path / "outer.log" and (tmp_path / "inner.log").read_text() == "inner\n"
    lines = outer.read_text().splitlines()
    assert lines[:2] == ["outer", "outer again"] and lines[-1] == "ValueError: the job's"


def test_console_keeps_the_output_if_the_log_cannot_be_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with output_in(tmp_path / "absent" / "job.log") as log_file:
        print("here")
    assert log_file is None and "here\n" in capfd.readouterr().out


def test_descriptor_that_a_job_gave_to_a_file_of_its_own_is_left_to_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    own = os.open(tmp_path / "own", os.O_WRONLY | os.O_CREAT)
    free = [os.dup(own) for _ in range(3)]  # the numbers that are next: for the log, and for the console
    for descriptor in free:
        os.close(descriptor)
    with output_in(tmp_path / "job.log"):
        for descriptor in free[1:]:
            os.dup2(own, descriptor)
    os.write(1, b"after the job\n")
    os.write(free[1], b"of the job\n")
    for descriptor in (own, *free[1:]):
        os.close(descriptor)
    assert (tmp_path / "own").read_text() == "of the job\n" and (tmp_path / "job.log").read_text() == ""
    assert capfd.readouterr() == ("", "")
