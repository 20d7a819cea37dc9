"""The parent run: one for a search, however often it goes on; and what its end makes of jobs that have not ended."""

import json
import logging
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from omegaconf import OmegaConf

from hydra_plugins.hydra_mlflow_callback.__main__ import main
from hydra_plugins.hydra_mlflow_callback._client import open_experiment
from hydra_plugins.hydra_mlflow_callback._delivery import deliver
from hydra_plugins.hydra_mlflow_callback._record import SearchRecord, load_job, load_search
from hydra_plugins.hydra_mlflow_callback._search_run import LiveCurve, close_search, open_search
from hydra_plugins.hydra_mlflow_callback.config import Settings
from hydra_plugins.hydra_search.errors import Undelivered
from hydra_plugins.hydra_search.files import JOB_RECORD
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.results import mark_lost, save_result
from tests.tracking_client import TrackingClient

from .conftest import ELSEWHERE, MakeJob, process_of_somebody_else

OTHER_SWEEP = Owner("a-third-machine", 1, 2.5)
Begin = Callable[..., SearchRecord]


@pytest.fixture
def begin(settings: Settings, sweep_dir: Path) -> Begin:
    """Return what opens the search, as each sweep does that goes on with it."""

    def open_it(*overrides: str) -> SearchRecord:
        hydra = {"sweep": {"dir": str(sweep_dir)}, "overrides": {"task": list(overrides)}}
        return open_search(settings, OmegaConf.create({"hydra": hydra}))

    return open_it


def test_search_that_goes_on_has_one_parent_and_each_sweep_its_owner(
    begin: Begin, client: TrackingClient, sweep_dir: Path
) -> None:
    first = begin()
    close_search(replace(first, sweep=OTHER_SWEEP), sweep_dir, "KILLED")
    assert client.runs()["search"].info.status == "KILLED"
    assert load_search(sweep_dir).sweep == OTHER_SWEEP
    again = begin()
    assert (again.run_id, again.sweep, again.status) == (first.run_id, Owner.me(), "RUNNING")
    assert client.runs()["search"].info.status == "RUNNING" and len(client.dump()) == 1
    assert load_search(sweep_dir) == again


def test_end_of_a_search_reads_the_record_of_each_job_once(begin: Begin, sweep_dir: Path, make_job: MakeJob) -> None:
    search = begin()
    for number in range(3):
        make_job(number, 0.5, parent_run_id=search.run_id, sent=True)
    read: list[str] = []

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and str(arguments[0]).endswith(JOB_RECORD) and arguments[1] == "r":
            read.append(str(arguments[0]))

    sys.addaudithook(note)  # there is no way to take it away
    close_search(search, sweep_dir, "FINISHED")
    assert sorted(read) == [str(sweep_dir / str(number) / JOB_RECORD) for number in range(3)]


def test_search_asks_a_store_for_nothing_that_it_knows(
    begin: Begin, client: TrackingClient, settings: Settings, sweep_dir: Path, make_job: MakeJob
) -> None:
    client.calls.clear()
    open_experiment(replace(settings, experiment_name="a new one"))
    assert client.calls == {"get_experiment_by_name": 1, "create_experiment": 1}
    search = begin()
    make_job(0, 0.5, parent_run_id=search.run_id, sent=True)
    client.calls.clear()
    close_search(search, sweep_dir, "FINISHED")
    assert (client.calls["get_run"], client.calls["search_runs"], client.calls["set_terminated"]) == (1, 1, 1)


def test_parent_whose_id_was_never_noted_is_found_by_its_key(
    begin: Begin, client: TrackingClient, sweep_dir: Path
) -> None:
    first = begin()
    replace(first, run_id="").save(sweep_dir)
    assert begin().run_id == first.run_id


def test_parent_is_made_anew_where_the_database_is_new_or_another(
    begin: Begin, client: TrackingClient, sweep_dir: Path, settings: Settings
) -> None:
    first = begin()
    client.forget_runs()
    second = begin()
    assert second.run_id != first.run_id and list(client.dump()) == [second.run_id]
    replace(second, settings=replace(settings, tracking_uri="http://other")).save(sweep_dir)
    assert begin().run_id != second.run_id


def test_server_that_can_not_be_asked_for_the_parent_is_no_reason_for_a_new_one(
    begin: Begin, client: TrackingClient
) -> None:
    begin()
    client.fails_at = client.n_calls + 1
    with pytest.raises(MlflowException, match="Max retries"):
        begin()
    assert len(client.dump()) == 1


def test_keys_that_the_command_line_fixes_are_kept_with_their_sign(begin: Begin) -> None:
    assert begin("a=1", "+b=2", "c=1,2").fixed_keys == ("a", "+b")


def run_of(client: TrackingClient, search: SearchRecord, number: int, key: str) -> str:
    """Open a job's run, as the job has done; return its id."""
    tags = {"mlflow.parentRunId": search.run_id, "hydra.job.key": key}
    return client.create_run(search.settings.experiment_id, tags=tags, run_name=f"trial-{number}").info.run_id


@pytest.mark.parametrize(
    ("owner", "sweep", "ended", "expected"),
    [
        (Owner.me(), "this", "FINISHED", "KILLED"),
        (ELSEWHERE, "this", "FINISHED", "KILLED"),
        (ELSEWHERE, "this", "KILLED", "RUNNING"),
        (ELSEWHERE, "other", "FINISHED", "RUNNING"),
        (ELSEWHERE, "other", "KILLED", "RUNNING"),
        (process_of_somebody_else(), "other", "KILLED", "RUNNING"),
    ],
)
@pytest.mark.parametrize("noted", [True, False])
def test_job_that_has_not_ended_is_closed_only_if_nobody_works_on_it(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path,
    owner: Owner, sweep: str, ended: str, expected: str, noted: bool, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    search = begin()
    make_job(0, 0.5, parent_run_id=search.run_id)
    sweeps = {"this": search.sweep, "other": OTHER_SWEEP}
    of = {"owner": owner, "sweep": sweeps[sweep], "parent_run_id": search.run_id}
    record, directory = make_job(1, is_asked_for=True, **of)
    run_id = run_of(client, search, 1, record.key)
    if noted:  # else the job has opened its run this very moment
        record.run_id, record.artifact_uri = run_id, client.get_run(run_id).info.artifact_uri
        record.save(directory)
    close_search(search, sweep_dir, ended)
    assert client.get_run(run_id).info.status == expected
    assert load_job(directory).status == expected
    assert client.runs()["search"].info.status == ended
    assert client.runs()["search"].data.tags["jobs.killed"] == str(int(expected == "KILLED"))
    assert f"Jobs: 1 finished, 0 failed, {int(expected == 'KILLED')} killed" in caplog.messages


@pytest.mark.parametrize(("sweep", "delivered"), [("this", True), ("other", False)])
def test_record_of_a_process_that_goes_on_is_delivered_if_it_was_a_worker_of_this_sweep(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path, sweep: str, delivered: bool
) -> None:
    search = begin()
    of = {"this": search.sweep, "other": OTHER_SWEEP}[sweep]
    make_job(0, 0.5, owner=process_of_somebody_else(), sweep=of, parent_run_id=search.run_id)
    close_search(search, sweep_dir, "FINISHED")
    assert ("trial-0" in client.runs()) is delivered


def test_job_elsewhere_that_the_study_has_closed_as_lost_is_killed_whatever_it_left(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path
) -> None:
    search = begin()
    for number in (0, 1, 2):
        record, directory = make_job(number, owner=ELSEWHERE, sweep=OTHER_SWEEP, parent_run_id=search.run_id)
        if number:
            mark_lost(directory, "no sign of life", record.attempt)
    save_result(sweep_dir / "2", [0.75], record.attempt)
    close_search(search, sweep_dir, "KILLED")
    assert {name: run.info.status for name, run in client.runs().items()} == {
        "search": "KILLED", "trial-1": "KILLED", "trial-2": "KILLED",
    }  # fmt: skip
    assert "score" not in client.runs()["trial-2"].data.metrics, "a result that came too late"
    assert load_job(sweep_dir / "0").status == "RUNNING" and not load_job(sweep_dir / "0").sent


def test_job_that_finished_after_the_study_had_closed_its_trial_is_killed_and_not_the_best(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path
) -> None:
    search = begin()
    record, directory = make_job(0, 0.9, parent_run_id=search.run_id, owner=ELSEWHERE)
    make_job(1, 0.5, parent_run_id=search.run_id)
    close_search(search, sweep_dir, "KILLED")
    assert client.runs()["trial-0"].info.status == "FINISHED"
    mark_lost(directory, "worker lost", record.attempt)
    close_search(search, sweep_dir, "FINISHED")
    assert {name: run.info.status for name, run in client.runs().items()} == {
        "search": "FINISHED", "trial-0": "KILLED", "trial-1": "FINISHED",
    }  # fmt: skip
    parent = client.runs()["search"].data
    assert (parent.tags["best.trial"], parent.tags["jobs.killed"]) == ("trial-1", "1")


def test_copied_directories_of_jobs_are_no_jobs(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path
) -> None:
    search = begin()
    for number in (0, 1):
        make_job(number, 0.5, parent_run_id=search.run_id, place=str(number))
    for copy in ("0 copy", "7", "backup/0"):
        shutil.copytree(sweep_dir / "0", sweep_dir / copy)
    close_search(search, sweep_dir, "FINISHED")
    assert set(client.runs()) == {"search", "trial-0", "trial-1"}
    assert client.runs()["search"].data.tags["jobs.finished"] == "2"


def test_search_whose_whole_directory_was_moved_has_its_jobs(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path
) -> None:
    search = begin()
    make_job(0, 0.5, parent_run_id=search.run_id, place="0")
    close_search(search, sweep_dir.rename(sweep_dir.with_name("archive")), "FINISHED")
    assert client.runs()["search"].data.tags["jobs.finished"] == "1"


def test_run_that_no_record_knows_is_killed_and_that_of_another_search_is_not(
    begin: Begin, client: TrackingClient, sweep_dir: Path
) -> None:
    search = begin()
    mine, other = run_of(client, search, 0, "k"), run_of(client, replace(search, run_id="other"), 1, "k")
    close_search(search, sweep_dir, "FINISHED")
    assert (client.get_run(mine).info.status, client.get_run(other).info.status) == ("KILLED", "RUNNING")


def test_parent_says_what_was_best_and_after_a_resume_the_better_one_as_tags(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path
) -> None:
    search = begin()
    make_job(0, 0.5, parent_run_id=search.run_id)
    close_search(search, sweep_dir, "FINISHED")
    parent = client.runs()["search"].data
    assert (parent.params, parent.metrics["best_value"]) == ({"best_x": "0"}, 0.5)
    assert "best_x" not in parent.tags and parent.tags["best.trial"] == "trial-0"
    assert parent.tags["best.run_id"] == client.runs()["trial-0"].info.run_id, "though it was made only now"

    search = begin()
    make_job(1, 0.75, parent_run_id=search.run_id)
    make_job(2, 0.25, parent_run_id=search.run_id)
    close_search(search, sweep_dir, "FINISHED")
    parent = client.runs()["search"].data
    assert (parent.params, parent.metrics["best_value"]) == ({"best_x": "0"}, 0.75), "a parameter never changes"
    assert (parent.tags["best_x"], parent.tags["best.trial"], parent.tags["jobs.finished"]) == ("1", "trial-1", "3")
    curve = client.get_metric_history(search.run_id, "best_score")
    assert sorted((m.step, m.value) for m in curve) == [(1, 0.5), (2, 0.75), (3, 0.75)]


def test_files_of_the_sweep_and_the_best_trial_are_artifacts_of_the_parent(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path
) -> None:
    search = begin()
    make_job(0, 0.5, parent_run_id=search.run_id)
    make_job(1, 0.25, parent_run_id=search.run_id)
    (sweep_dir / "summary.md").write_text("what the sweeper says")
    close_search(search, sweep_dir, "FINISHED")
    files = client.files(search.run_id)
    assert set(files) == {"summary.md", "best_trial.txt"}, "our own records stay"
    assert files["best_trial.txt"].endswith("\nBest trial: trial-0, score: 0.5\nBest parameters: x=0\n")
    note = client.runs()["search"].data.tags["mlflow.note.content"]
    assert note.startswith("Best runs: [trial-0](#/experiments/1/runs/") and note.endswith("\n\nwhat the sweeper says")


def test_end_of_a_search_says_the_counts_and_where_to_look_and_nothing_else(
    begin: Begin, make_job: MakeJob, sweep_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    search = begin()
    make_job(0, 0.5, parent_run_id=search.run_id)
    caplog.clear()
    close_search(search, sweep_dir, "FINISHED")
    assert caplog.messages == [
        "Jobs: 1 finished, 0 failed, 0 killed", "Look at the runs: http://server/#/experiments/1",
    ]  # fmt: skip


def test_search_whose_server_is_away_is_delivered_later_and_only_once(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path
) -> None:
    search = begin()
    for number in range(3):
        make_job(number, 0.5, parent_run_id=search.run_id)
    make_job(3, owner=ELSEWHERE, sweep=search.sweep, parent_run_id=search.run_id)
    make_job(4, owner=ELSEWHERE, sweep=OTHER_SWEEP, parent_run_id=search.run_id)
    client.is_away = True
    with pytest.raises(Undelivered, match=r"parent run and 4 of 4 jobs are not up to date .*\n.*hydra_mlflow_callback"):
        close_search(search, sweep_dir, "FINISHED")
    assert load_job(sweep_dir / "3").status == "KILLED", "the record is concluded, whoever can be reached"

    client.is_away = False
    main([str(sweep_dir)])
    expected = {"search": "FINISHED", "trial-3": "KILLED"} | {f"trial-{number}": "FINISHED" for number in range(3)}
    assert {name: run.info.status for name, run in client.runs().items()} == expected
    runs = list(client.dump())
    main([str(sweep_dir)])
    assert list(client.dump()) == runs
    assert load_job(sweep_dir / "4").status == "RUNNING"


@pytest.mark.parametrize(("keep", "kept"), [("best 2", {"trial-1", "trial-3"}), ("none", set())])
def test_files_of_the_best_alone_go_at_the_end_of_a_search_or_later_and_only_once(
    settings: Settings,
    begin: Begin,
    client: TrackingClient,
    make_job: MakeJob,
    sweep_dir: Path,
    keep: str,
    kept: set[str],
) -> None:
    search = replace(begin(), settings=replace(settings, keep_artifacts=keep))
    for number, value in enumerate((0.1, 0.9, 0.2, 0.8)):
        record, directory = make_job(number, value, parent_run_id=search.run_id)
        (directory / "model.bin").write_text("large")
        if number < 2:
            deliver(search.settings, record, directory)
    assert not any(client.files(run.info.run_id) for run in client.runs().values())
    client.is_away = True
    with pytest.raises(Undelivered, match=r"of 4 jobs are not up to date"):
        close_search(search, sweep_dir, "FINISHED")
    client.is_away = False
    main([str(sweep_dir)])
    runs = client.runs()
    assert {name for name, run in runs.items() if "model.bin" in client.files(run.info.run_id)} == kept
    assert {name: run.info.status for name, run in runs.items()} == {
        "search": "FINISHED", **{f"trial-{number}": "FINISHED" for number in range(4)}
    }  # fmt: skip
    before = client.dump()
    main([str(sweep_dir)])
    assert {name: client.dump()[name] for name in client.dump() if name != search.run_id} == {
        name: run for name, run in before.items() if name != search.run_id
    }


def test_late_delivery_leaves_a_job_elsewhere_alone_if_its_sweep_was_interrupted(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path
) -> None:
    search = begin()
    make_job(0, owner=ELSEWHERE, sweep=search.sweep, parent_run_id=search.run_id)
    replace(search, status="KILLED").save(sweep_dir)
    main([str(sweep_dir)])
    assert set(client.runs()) == {"search"} and load_job(sweep_dir / "0").status == "RUNNING"


def test_late_delivery_after_the_sweep_was_killed_ends_its_run_and_one_elsewhere_is_waited_for(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path
) -> None:
    search, gone = begin(), replace(Owner.me(), started=1.0)
    make_job(0, 0.5, parent_run_id=search.run_id)
    replace(search, sweep=gone, sweeps=(gone, ELSEWHERE)).save(sweep_dir)
    with pytest.raises(SystemExit, match="has not ended"):
        main([str(sweep_dir)])
    replace(search, sweep=gone, sweeps=(gone,)).save(sweep_dir)
    main([str(sweep_dir)])
    assert {name: run.info.status for name, run in client.runs().items()} == {"search": "KILLED", "trial-0": "FINISHED"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "SWEEP_DIRECTORY"),
        (["a", "b"], "unrecognized arguments: b"),
        (["--help"], "SWEEP_DIRECTORY"),
        (["absent"], "'absent' holds no recorded search"),
        (["."], "not ended"),
    ],
)
def test_late_delivery_of_nothing_ends_with_one_message(
    begin: Begin,
    sweep_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    begin()
    monkeypatch.chdir(sweep_dir)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr()
    assert message in f"{ended.value}{said.out}{said.err}"


def test_late_delivery_to_a_server_that_is_still_away_ends_with_one_message(
    begin: Begin, client: TrackingClient, sweep_dir: Path
) -> None:
    replace(begin(), status="FINISHED").save(sweep_dir)
    client.is_away = True
    with pytest.raises(SystemExit, match="Nothing is lost"):
        main([str(sweep_dir)])


def test_record_that_can_not_be_read_costs_its_own_job_only_and_is_said_once(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    search = begin()
    for number in range(3):
        make_job(number, 0.5, parent_run_id=search.run_id)
    (sweep_dir / "1/.mlflow_run.json").write_text('{"name": ')
    stray = run_of(client, search, 1, "k")
    close_search(search, sweep_dir, "FINISHED")
    close_search(search, sweep_dir, "FINISHED")
    assert {name: run.info.status for name, run in client.runs().items()} == {
        "search": "FINISHED", "trial-0": "FINISHED", "trial-1": "KILLED", "trial-2": "FINISHED",
    }  # fmt: skip
    assert client.get_run(stray).info.status == "KILLED" and caplog.text.count("can't be read") == 1


def test_record_that_fails_for_now_keeps_no_other_and_not_the_parent_from_their_end(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = begin()
    make_job(0, status="FAILED", error="no", end_time=1, parent_run_id=search.run_id)
    make_job(1, 0.5, parent_run_id=search.run_id)
    with monkeypatch.context() as full:
        full.setattr(client, "log_text", lambda *_: (_ for _ in ()).throw(OSError("No space left on device")))
        with pytest.raises(Undelivered, match=r"did not take everything: .* 1 of 2 jobs .*No space left"):
            close_search(search, sweep_dir, "FINISHED")
    expected = {"search": "FINISHED", "trial-0": "FAILED", "trial-1": "FINISHED"}
    assert {name: run.info.status for name, run in client.runs().items()} == expected
    main([str(sweep_dir)])
    assert client.files(client.runs()["trial-0"].info.run_id) == {"traceback.txt": "no"}


@pytest.mark.parametrize("deleted", ["parent", "all", "for good", "experiment"])
def test_parent_that_somebody_has_deleted_is_made_anew_with_all_its_jobs(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path, settings: Settings, deleted: str
) -> None:
    search = begin()
    for number in range(2):
        make_job(number, 0.5 + number, parent_run_id=search.run_id)
    close_search(search, sweep_dir, "FINISHED")
    make_job(2, 0.25, parent_run_id=search.run_id)
    doomed = {"parent": [search.run_id], "all": list(client.dump())}.get(deleted, [])
    for run_id in doomed:
        client.delete_run(run_id)
    client.forget_runs() if deleted == "for good" else None
    client.delete_experiment(settings.experiment_id) if deleted == "experiment" else None
    for _ in range(2):
        main([str(sweep_dir)])
    search = load_search(sweep_dir)
    living = client.search_runs([search.settings.experiment_id])
    assert {run.info.run_name: run.info.status for run in living} == {
        "search": "FINISHED", "trial-0": "FINISHED", "trial-1": "FINISHED", "trial-2": "FINISHED",
    }  # fmt: skip
    assert len(living) == 4
    below = {run.data.tags["mlflow.parentRunId"] for run in living if run.info.run_name != "search"}
    assert below == {search.run_id}
    (best,) = [run for run in living if run.info.run_name == "trial-1"]
    assert client.get_run(search.run_id).data.tags["best.run_id"] == best.info.run_id
    in_its_place = deleted != "experiment"
    assert (search.settings.experiment_id == settings.experiment_id) is in_its_place
    if not in_its_place:
        assert client.get_experiment_by_name("e-2") is not None


def test_search_goes_on_under_a_new_parent_with_its_old_jobs_where_the_old_one_was_deleted(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path
) -> None:
    search = begin()
    make_job(0, 0.5, parent_run_id=search.run_id)
    close_search(search, sweep_dir, "FINISHED")
    client.delete_run(search.run_id)
    search = begin()
    make_job(1, 0.25, parent_run_id=search.run_id)
    close_search(search, sweep_dir, "FINISHED")
    parent = client.get_run(search.run_id).data
    assert (parent.tags["jobs.finished"], parent.metrics["best_value"]) == ("2", 0.5)


def test_second_run_of_one_job_that_a_lost_answer_has_made_goes(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path
) -> None:
    search = begin()
    record, directory = make_job(0, 0.5, parent_run_id=search.run_id)
    record.run_id = run_of(client, search, 0, record.key)
    record.artifact_uri = client.get_run(record.run_id).info.artifact_uri
    record.save(directory)
    second = run_of(client, search, 0, record.key)
    close_search(search, sweep_dir, "FINISHED")
    assert client.get_run(second).info.lifecycle_stage == "deleted"
    assert client.get_run(record.run_id).info.status == "FINISHED"


def test_files_of_the_sweep_that_can_not_travel_keep_nothing_from_the_parent(
    begin: Begin, client: TrackingClient, sweep_dir: Path
) -> None:
    search = begin()
    os.mkfifo(sweep_dir / "summary.md")
    (sweep_dir / "link").symlink_to("absent")
    (sweep_dir / "best.txt").write_text("x=1")
    close_search(search, sweep_dir, "FINISHED")
    assert set(client.files(search.run_id)) == {"best.txt", "best_trial.txt"}


def test_curve_of_a_running_search_shows_settled_jobs_once(
    begin: Begin, client: TrackingClient, make_job: MakeJob, sweep_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hydra_plugins.hydra_mlflow_callback._search_run.SHARE", 1e9)  # look as often as asked
    search = begin()
    curve = LiveCurve(search, sweep_dir)
    make_job(0, 0.5, parent_run_id=search.run_id)
    make_job(1, 0.9, parent_run_id=search.run_id, end_time=2**60)  # this very moment: others may have ended before it
    client.is_away = True
    curve.show()
    client.is_away = False
    asked = client.n_calls
    curve.show()
    curve.show()
    assert client.n_calls == asked + 1, "what is known is not sent again"
    assert [(m.step, m.value) for m in client.get_metric_history(search.run_id, "best_score")] == [(1, 0.5)]


def test_experiment_that_was_deleted_is_refused_with_the_way_to_restore_it(
    settings: Settings, client: TrackingClient
) -> None:
    client.delete_experiment(settings.experiment_id)
    with pytest.raises(ValueError, match=r"^hydra.callbacks.mlflow.experiment_name: was deleted .* --experiment-id 1`"):
        open_experiment(settings)


def test_record_of_a_search_is_json_that_names_its_sweep(begin: Begin, sweep_dir: Path) -> None:
    begin()
    content = json.loads((sweep_dir / ".mlflow_search.json").read_text())
    assert content["sweep"] == Owner.me().as_attribute()
