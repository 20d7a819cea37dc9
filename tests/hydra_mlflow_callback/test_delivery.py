"""What a delivery leaves in MLflow, and that it may be cut short and done again."""

import json
import logging
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.entities import Param
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.utils.file_utils import local_file_uri_to_path

from hydra_plugins.hydra_mlflow_callback._delivery import deliver
from hydra_plugins.hydra_mlflow_callback._record import JobRecord, load_job
from hydra_plugins.hydra_mlflow_callback.config import Settings
from hydra_plugins.hydra_search.results import mark_lost, save_result
from tests.tracking_client import TrackingClient

from .conftest import MakeJob


@pytest.fixture
def job(make_job: MakeJob) -> tuple[JobRecord, Path]:
    """A job that has failed late: values, a curve, a traceback, a dataset, files of its own and ours."""
    curve = [("score", step / 10, 100 + step, step) for step in range(3)]
    record, directory = make_job(
        7, 0.5, metrics=curve, error="Traceback\nValueError: no", status="FAILED", params={"x": "7", "y": "a"}
    )
    (directory / ".hydra").mkdir()
    (directory / ".hydra/config.yaml").write_text("x: 7")
    (directory / "job.log").write_text("log")
    (directory / "dataset.json").write_text(json.dumps({"name": "d", "digest": "1f", "source": "f", "n_rows": 3}))
    save_result(directory, [0.5], record.attempt)
    mark_lost(directory, "gone", record.attempt)
    return record, directory


def test_run_says_what_the_record_says(settings: Settings, client: TrackingClient, job: tuple[JobRecord, Path]) -> None:
    record, directory = job
    deliver(settings, record, directory)
    run = client.runs()["trial-7"]
    assert (run.info.status, run.info.start_time, run.info.end_time) == ("FAILED", 1000, 2007)
    assert run.data.params == {"x": "7", "y": "a"}
    assert [(m.value, m.timestamp, m.step) for m in client.get_metric_history(run.info.run_id, "score")] == [
        (0.0, 100, 0), (0.1, 101, 1), (0.2, 102, 2),
    ]  # fmt: skip
    assert run.data.tags["hydra.status_reason"] == "ValueError: no" and "hydra.pruned" not in run.data.tags
    (used,) = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest, used.dataset.profile) == ("d", "1f", '{"n_rows": 3}')
    assert set(client.files(run.info.run_id)) == {".hydra/config.yaml", "dataset.json", "job.log", "traceback.txt"}
    assert client.files(run.info.run_id)["traceback.txt"] == "Traceback\nValueError: no"
    assert load_job(directory).sent and load_job(directory).run_id == run.info.run_id


def test_delivery_done_again_changes_nothing(
    settings: Settings, client: TrackingClient, job: tuple[JobRecord, Path]
) -> None:
    deliver(settings, *job)
    before = client.dump()
    deliver(settings, *job)
    deliver(settings, load_job(job[1]), job[1])
    assert client.dump() == before and len(before) == 1


def contents(client: TrackingClient) -> list[object]:
    ((run, history, files),) = client.dump().values()  # type: ignore[misc]  # of objects
    return [run["data"], run["info"]["status"], run["info"]["end_time"], run["inputs"], history, files]


@pytest.mark.parametrize("trouble", ["fails_at", "answer_lost_at"])
@pytest.mark.parametrize("call", [2, 3, 4, 5])  # 1 makes the run, and is tried again
def test_delivery_that_was_cut_short_is_completed_by_the_next(
    settings: Settings, client: TrackingClient, job: tuple[JobRecord, Path], call: int, trouble: str
) -> None:
    record, directory = job
    setattr(client, trouble, client.n_calls + call)
    with pytest.raises(MlflowException):
        deliver(settings, record, directory)
    assert not load_job(directory).sent
    deliver(settings, load_job(directory), directory)  # as another process would

    cut_short = contents(client)

    client.forget_runs()
    record.run_id = None
    deliver(settings, record, directory)
    assert cut_short == contents(client), "not what one delivery leaves"


@pytest.mark.parametrize(("trouble", "made"), [("fails_at", 2), ("answer_lost_at", 1)])
def test_run_that_could_not_be_made_is_looked_for_and_made_once(
    settings: Settings, client: TrackingClient, job: tuple[JobRecord, Path], trouble: str, made: int
) -> None:
    setattr(client, trouble, client.n_calls + 1)
    deliver(settings, *job)
    assert len(client.dump()) == 1 and client.calls["create_run"] == made
    assert client.runs()["trial-7"].info.status == "FAILED"


def test_run_of_a_search_whose_making_went_unheard_is_found_by_the_next_delivery(
    settings: Settings, client: TrackingClient, make_job: MakeJob
) -> None:
    record, directory = make_job(3, 0.5, parent_run_id="parent")
    client.answer_lost_at = client.n_calls + 1
    with pytest.raises(MlflowException):
        deliver(settings, record, directory)
    deliver(settings, load_job(directory), directory)  # as another process would
    assert len(client.dump()) == 1 and client.runs()["trial-3"].info.status == "FINISHED"


def test_delivery_needs_five_calls_so_every_one_of_them_was_cut(
    settings: Settings, client: TrackingClient, job: tuple[JobRecord, Path]
) -> None:
    before = client.n_calls
    deliver(settings, *job)
    assert client.n_calls - before == 5


def test_more_than_mlflow_takes_at_once_arrives_complete(
    settings: Settings, client: TrackingClient, make_job: MakeJob
) -> None:
    params = {f"p{i}": str(i) for i in range(250)}
    record, directory = make_job(0, 0.5, params=params, metrics=[("score", 0.5, i, i) for i in range(2500)])
    deliver(settings, record, directory)
    run = client.runs()["trial-0"]
    assert run.data.params == params
    assert len(client.get_metric_history(run.info.run_id, "score")) == 2500
    assert client.calls["_log_batch"] == 3


def test_parameters_that_were_sent_while_the_job_ran_are_not_sent_again(
    settings: Settings, client: TrackingClient, make_job: MakeJob
) -> None:
    record, directory = make_job(0, 0.5, params_sent=True)
    deliver(settings, record, directory)
    assert client.runs()["trial-0"].data.params == {}


def test_pruned_job_is_killed_with_its_reason_and_without_a_traceback(
    settings: Settings, client: TrackingClient, make_job: MakeJob
) -> None:
    deliver(settings, *make_job(0, status="KILLED", error="pruned after step 3", pruned=True))
    run = client.runs()["trial-0"]
    assert (run.data.tags["hydra.pruned"], run.data.tags["hydra.status_reason"]) == ("true", "pruned after step 3")
    assert (run.info.status, client.files(run.info.run_id)) == ("KILLED", {})


def test_no_artifacts_are_uploaded_where_that_is_switched_off(
    settings: Settings, client: TrackingClient, job: tuple[JobRecord, Path]
) -> None:
    deliver(replace(settings, log_artifacts=False), *job)
    assert set(client.files(client.runs()["trial-7"].info.run_id)) == {"traceback.txt"}


@pytest.mark.parametrize("text", ["{", "[1]", '{"name": "d"}'])
def test_file_that_describes_no_dataset_is_an_artifact_like_any_other(
    settings: Settings, client: TrackingClient, make_job: MakeJob, text: str
) -> None:
    record, directory = make_job(0, 0.5)
    (directory / "dataset.json").write_text(text)
    deliver(settings, record, directory)
    run = client.runs()["trial-0"]
    assert not run.inputs.dataset_inputs and client.files(run.info.run_id) == {"dataset.json": text}


def test_model_is_kept_once_and_not_as_a_file_too(
    settings: Settings, client: TrackingClient, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, directory = make_job(0, 0.5)
    for name in ("model.joblib", "input_example.parquet", "other.joblib"):
        (directory / name).write_text("")
    monkeypatch.setattr("hydra_plugins.hydra_mlflow_callback._delivery.log_model", lambda *_: True)
    deliver(settings, record, directory)
    assert set(client.files(client.runs()["trial-0"].info.run_id)) == {"other.joblib"}


def test_only_regular_files_of_the_directory_travel_and_the_others_are_said_in_one_line(
    settings: Settings, client: TrackingClient, make_job: MakeJob, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    record, directory = make_job(0, 0.5)
    (directory / "sub").mkdir()
    (directory / "sub/last.ckpt").write_text("weights")
    (directory / "best.ckpt").symlink_to("sub/last.ckpt")
    (tmp_path / "secret").write_text("of somebody else")
    (directory / "away").symlink_to(tmp_path / "secret")
    (directory / "folder").symlink_to(tmp_path)
    (directory / "nothing").symlink_to("absent")
    (directory / "circle").symlink_to("circle")
    os.mkfifo(directory / "sub/fifo")
    os.mkfifo(directory / "dataset.json")
    (directory / os.fsdecode(b"\xff")).touch()
    monkeypatch.chdir(directory)
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("socket")
        deliver(settings, record, directory)
    run = client.runs()["trial-0"]
    assert client.files(run.info.run_id) == {"sub/last.ckpt": "weights", "best.ckpt": "weights"}
    assert run.info.status == "FINISHED" and load_job(directory).sent
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    for name in ("away", "folder", "nothing", "circle", "sub/fifo", "dataset.json", "\\udcff", "socket"):
        assert f"{name} (" in line


def test_files_of_a_job_that_has_a_secret_arrive_without_it_on_a_disk_of_this_machine_too(
    settings: Settings, client: TrackingClient, make_job: MakeJob
) -> None:
    record, directory = make_job(0, 0.5, is_masked=True)
    (directory / ".hydra").mkdir()
    (directory / ".hydra/config.yaml").write_text("api:\n  token: tok-12345\n")
    (directory / "job.log").write_text("logged in with tok-12345")
    deliver(settings, record, directory)
    files = client.files(str(record.run_id))
    assert set(files) == {".hydra/config.yaml", "job.log"} and "tok-12345" not in str(files)
    assert files["job.log"] == "logged in with ***"


def test_file_that_can_not_be_copied_is_sent_again_and_keeps_no_other_from_going(
    settings: Settings, client: TrackingClient, make_job: MakeJob
) -> None:
    record, directory = make_job(0, 0.5)
    (directory / "sub").mkdir()
    for name in ("a.txt", "sub/m.txt", "z.txt"):
        (directory / name).write_text(name)
    run = client.create_run(settings.experiment_id, run_name=record.name)
    record.run_id, record.artifact_uri = run.info.run_id, run.info.artifact_uri
    taken = Path(local_file_uri_to_path(record.artifact_uri), "sub")
    taken.parent.mkdir(parents=True, exist_ok=True)
    taken.write_text("no folder")
    with pytest.raises(OSError, match="sub"):
        deliver(settings, record, directory)
    assert set(client.files(record.run_id)) == {"a.txt", "sub", "z.txt"} and not record.sent
    taken.unlink()
    deliver(settings, record, directory)
    assert set(client.files(record.run_id)) == {"a.txt", "sub/m.txt", "z.txt"} and record.sent


def test_value_that_is_refused_is_left_out_alone(
    settings: Settings, client: TrackingClient, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    points = [("score", 0.1, 1, 0), ("score", 0.2, 2, 2**63), ("score", 0.3, 3, -(2**63)), ("a=b", 1.0, 3, 0)]
    params = {f"p{i}": "v" for i in range(300)} | {"x=y": "refused", "z": "\ud800\0"}
    record, directory = make_job(0, 0.5, metrics=points, params=params)
    deliver(settings, record, directory)
    run = client.runs()["trial-0"]
    history = client.get_metric_history(run.info.run_id, "score")
    assert [(m.value, m.step) for m in history] == [(0.1, 0), (0.3, -(2**63))]
    assert len(run.data.params) == 301 and run.data.params["z"] == "\\ud800\\0"
    assert all(f"{name} (" in caplog.text for name in ("score", "a=b", "x=y")) and load_job(directory).sent


def test_parameter_that_the_job_has_set_otherwise_stays_as_the_job_set_it(
    settings: Settings, client: TrackingClient, make_job: MakeJob, caplog: pytest.LogCaptureFixture
) -> None:
    record, directory = make_job(0, 0.5, params={"x": "1.0", "y": "2"}, is_asked_for=True)
    run_id = client.create_run(settings.experiment_id, tags=record.tags, run_name="trial-0").info.run_id
    client.log_batch(run_id, params=[Param("x", "1")])
    deliver(settings, record, directory)
    run = client.runs()["trial-0"]
    assert run.data.params == {"x": "1", "y": "2"} and run.info.status == "FINISHED"
    assert "x (Changing param values is not allowed" in caplog.text


def test_dataset_over_the_limits_costs_itself_only(
    settings: Settings, client: TrackingClient, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise MlflowException("'name' exceeds the maximum length", INVALID_PARAMETER_VALUE)

    monkeypatch.setattr(client, "log_inputs", refuse)
    record, directory = make_job(0, 0.5)
    (directory / "dataset.json").write_text(json.dumps({"name": "n" * 600, "digest": "d"}))
    deliver(settings, record, directory)
    run = client.runs()["trial-0"]
    assert run.info.status == "FINISHED" and set(client.files(run.info.run_id)) == {"dataset.json"}


def test_run_that_somebody_has_deleted_is_made_anew(
    settings: Settings, client: TrackingClient, make_job: MakeJob
) -> None:
    record, directory = make_job(0, 0.5, params_sent=True)
    record.run_id = client.create_run(settings.experiment_id, tags=record.tags, run_name="trial-0").info.run_id
    client.delete_run(record.run_id)
    deliver(settings, record, directory)
    (run,) = client.search_runs([settings.experiment_id])
    assert (run.info.status, run.data.params) == ("FINISHED", {"x": "0"})


@pytest.mark.parametrize("error", ["\n", " \t"])
def test_reason_that_is_blank_is_no_tag(
    settings: Settings, client: TrackingClient, make_job: MakeJob, error: str
) -> None:
    deliver(settings, *make_job(0, status="KILLED", error=error, pruned=True))
    assert "hydra.status_reason" not in client.runs()["trial-0"].data.tags


def test_part_that_fails_for_now_keeps_no_other_from_going_and_is_sent_another_time(
    settings: Settings, client: TrackingClient, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, directory = make_job(0, status="FAILED", error="ValueError: no", end_time=1)
    with monkeypatch.context() as full:
        full.setattr(client, "log_text", lambda *_: (_ for _ in ()).throw(OSError("No space left on device")))
        with pytest.raises(OSError, match="No space"):
            deliver(settings, record, directory)
    assert client.runs()["trial-0"].info.status == "FAILED" and not load_job(directory).sent
    deliver(settings, load_job(directory), directory)
    run_id = client.runs()["trial-0"].info.run_id
    assert load_job(directory).sent and client.files(run_id) == {"traceback.txt": "ValueError: no"}
