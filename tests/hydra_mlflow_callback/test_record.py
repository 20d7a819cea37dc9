"""Records survive the disk, those of older versions too, and tell whose jobs go on."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hydra_plugins.hydra_mlflow_callback._record import (
    JobRecord,
    SearchRecord,
    goes_on,
    load_job,
    load_search,
    records_below,
)
from hydra_plugins.hydra_mlflow_callback.config import Settings
from hydra_plugins.hydra_search.owner import Owner, of_process
from hydra_plugins.hydra_search.results import Attempt, mark_lost

from .conftest import ELSEWHERE, MakeJob, process_of_somebody_else

SETTINGS = Settings("http://server", "e", "r", metrics=("a", "b"), directions=("maximize", "minimize"), tags={"t": "1"})
OTHER_SWEEP = Owner("a-third-machine", 1, 2.5)
DEAD = replace(Owner.me(), pid=2**22 + 1)


def search(status: str = "FINISHED") -> SearchRecord:
    return SearchRecord("parent", SETTINGS, fixed_keys=("+a", "b"), status=status, sweep=Owner.me())


def test_record_of_a_job_is_read_as_it_was_written(make_job: MakeJob) -> None:
    record, directory = make_job(3, 0.5, metrics=[("score", 0.1, 5, 0)], sweep=ELSEWHERE, error="é", pruned=True)
    assert load_job(directory) == record
    assert record.owner == Owner.me()


def test_record_of_a_search_is_read_as_it_was_written(tmp_path: Path) -> None:
    named = replace(
        search(), settings=replace(SETTINGS, names={"log_model": "save (hydra.callbacks.mlflow.log_model)"})
    )
    named.save(tmp_path / "sweep")
    assert load_search(tmp_path / "sweep") == named


def test_record_of_a_search_is_its_owners_alone_and_keeps_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "http://me:p4ssw0rd@server"
    replace(search(), settings=replace(SETTINGS, tracking_uri=uri)).save(tmp_path)
    path = tmp_path / ".mlflow_search.json"
    assert path.stat().st_mode & 0o777 == 0o600 and "p4ssw0rd" not in path.read_text()
    assert load_search(tmp_path).settings.tracking_uri == "http://me:***@server"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert load_search(tmp_path).settings.tracking_uri == uri, "of the one who delivers"
    replace(search(), settings=replace(SETTINGS, tracking_uri=uri)).save(tmp_path)
    assert "p4ssw0rd" not in path.read_text() and load_search(tmp_path).settings.tracking_uri == uri


OLD_SETTINGS = {
    "tracking_uri": "http://server", "experiment_name": "e", "run_name": "r", "metrics": ["score"],
    "directions": ["maximize"], "exclude_params": [], "log_artifacts": True, "log_model": True, "register_model": None,
    "tags": {}, "experiment_id": "1",
}  # fmt: skip


def old_job(directory: Path, host: str, pid: int, start_time: int) -> JobRecord:
    content = {
        "name": "trial-0", "number": 0, "start_time": start_time, "params": {}, "tags": {}, "overrides": [],
        "parent_run_id": "parent", "run_id": "r", "artifact_uri": "", "status": "RUNNING", "end_time": None,
        "values": [], "metrics": [["score", 1.0, 2, 3]], "error": None, "pruned": False, "params_sent": True,
        "sent": False, "key": "k", "host": host, "pid": pid,
    }  # fmt: skip
    (directory / ".mlflow_run.json").write_text(json.dumps(content))
    return load_job(directory)


def test_files_of_an_older_version_are_read(tmp_path: Path) -> None:
    content = {
        "run_id": "parent",
        "settings": OLD_SETTINGS,
        "tags": {},
        "fixed_keys": [],
        "status": "RUNNING",
        "key": "k",
    }
    (tmp_path / ".mlflow_search.json").write_text(json.dumps(content))
    assert (load_search(tmp_path).sweep, load_search(tmp_path).settings.metrics) == (None, ("score",))
    record = old_job(tmp_path, "far", 7, 0)
    assert (record.owner.host, record.owner.pid, record.sweep) == ("far", 7, None)
    assert record.metrics == [("score", 1.0, 2, 3)]


def test_job_of_an_old_record_is_left_alone(tmp_path: Path) -> None:
    assert goes_on(old_job(tmp_path, "far", 7, 0), tmp_path, search()), "nobody knows of which sweep it is"


def test_jobs_of_another_search_below_the_same_folder_are_not_mine(make_job: MakeJob, sweep_dir: Path) -> None:
    for number, parent in ((10, "parent"), (9, "parent"), (1, "other"), (2, None)):
        make_job(number, 0.5, parent_run_id=parent)
    assert [record.number for _, record in records_below(sweep_dir, "parent")] == [9, 10]


@pytest.mark.parametrize(
    ("owner", "sweep", "status", "alive"),
    [
        (Owner.me(), Owner.me(), "FINISHED", False),  # this process has left the job without a word
        (DEAD, OTHER_SWEEP, "KILLED", False),
        (process_of_somebody_else(), OTHER_SWEEP, "FINISHED", True),
        (process_of_somebody_else(), Owner.me(), "KILLED", True),
        (ELSEWHERE, Owner.me(), "FINISHED", False),  # of this very sweep, whose launcher has returned
        (ELSEWHERE, Owner.me(), "KILLED", True),
        (ELSEWHERE, Owner.me(), "FAILED", True),
        (ELSEWHERE, OTHER_SWEEP, "FINISHED", True),
        (ELSEWHERE, OTHER_SWEEP, "KILLED", True),
        (ELSEWHERE, None, "FINISHED", True),
    ],
)
def test_job_that_has_not_ended_goes_on_where_its_process_may_still_live(
    make_job: MakeJob, owner: Owner, sweep: Owner | None, status: str, alive: bool
) -> None:
    record, directory = make_job(0, owner=owner, sweep=sweep)
    assert goes_on(record, directory, search(status)) is alive
    mark_lost(directory, "no sign of life", Attempt(Owner.me(), 7))
    assert goes_on(record, directory, search(status)) is alive, "that is another's"
    mark_lost(directory, "no sign of life", record.attempt)
    assert not goes_on(record, directory, search(status)), "the study has closed its trial"


def test_job_that_has_ended_goes_on_nowhere(make_job: MakeJob) -> None:
    record, directory = make_job(0, 0.5, owner=ELSEWHERE, sweep=OTHER_SWEEP)
    assert not goes_on(record, directory, search("KILLED"))


def test_process_that_this_sweep_has_started_works_on_nothing_when_the_launcher_has_returned(make_job: MakeJob) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as worker:
        owner = of_process(worker.pid)
        record, directory = make_job(0, owner=owner, sweep=OTHER_SWEEP)
        assert owner.is_alive() and not goes_on(record, directory, search("KILLED"))
        worker.communicate(b"\n")
