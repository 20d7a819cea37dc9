"""The run of one job, with a server that is there, away, or goes away meanwhile."""

import json
import logging
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import pytest
from hydra.core.utils import JobReturn
from omegaconf import OmegaConf

from hydra_plugins.hydra_mlflow_callback._backlog import Backlog
from hydra_plugins.hydra_mlflow_callback._client import connect, open_experiment
from hydra_plugins.hydra_mlflow_callback._delivery import deliver
from hydra_plugins.hydra_mlflow_callback._end import End, end_of, end_of_lost
from hydra_plugins.hydra_mlflow_callback._job_run import JobRun
from hydra_plugins.hydra_mlflow_callback._record import SearchRecord, load_job
from hydra_plugins.hydra_mlflow_callback.config import Settings
from hydra_plugins.hydra_search.errors import InvalidObjective, SearchError, TrialLost
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.results import Attempt, mark_lost, save_result
from hydra_plugins.hydra_trial import TrialPruned, report
from tests.conftest import wait_for
from tests.tracking_client import TrackingClient

from .conftest import ELSEWHERE, MakeJob, job_config, returned


@pytest.fixture
def search(settings: Settings) -> SearchRecord:
    return SearchRecord("parent", settings, tags={"mlflow.user": "me"}, fixed_keys=("y",), sweep=ELSEWHERE)


def test_job_of_a_search_is_a_nested_run_and_the_active_one_until_it_ends(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path
) -> None:
    job = JobRun.open(settings, search, job_config(sweep_dir, 3, x=0.5, y=2))
    active = mlflow.active_run()
    assert active is not None and active.info.run_id == job.record.run_id
    job.close(returned(0.5))
    assert mlflow.active_run() is None
    run = client.runs()["trial-3"]
    assert (run.info.status, run.data.params) == ("FINISHED", {"x": "0.5", "y": "2"})
    assert (run.data.metrics["score"], run.data.metrics["trial_number"]) == (0.5, 3.0)
    expected = {"mlflow.parentRunId": "parent", "study_name": "search", "kind": "plain", "mlflow.user": "me"}
    assert expected.items() <= run.data.tags.items() and "hydra/launcher" not in run.data.tags
    record = load_job(sweep_dir / "3")
    assert (record.overrides, record.parent_run_id, record.sent) == (["x=0.5"], "parent", True)
    assert (record.sweep, record.owner) == (ELSEWHERE, Owner.me())


def test_searched_config_group_is_a_parameter_and_a_fixed_one_a_tag_only(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path
) -> None:
    config = job_config(sweep_dir, 3, x=0.5)
    config.hydra.overrides.task += ["+model=svm", "y=plain", "db@a.b=mysql"]
    config.hydra.runtime.choices.update({"model": "svm", "y": "plain", "db@a.b": "mysql"})
    JobRun.open(settings, search, config).close(returned(0.5))
    run = client.runs()["trial-3"]
    assert run.data.params == {"x": "0.5", "model": "svm", "db_a.b": "mysql"}
    assert {"model": "svm", "y": "plain", "kind": "plain"}.items() <= run.data.tags.items()


def test_interpolation_that_can_not_be_resolved_costs_itself_only_and_is_said_once(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = {
        "x": 0.5, "a": "${absent}", "deep": {"list": [1, "${oc.env:NOBODY_HAS_SET_THIS}"], "b": "${x}", "m": "???"},
        "all": "${deep}", "circle": "${circle}", 7: "seven",
    }  # fmt: skip
    for number in (0, 1):
        config = OmegaConf.merge(job_config(sweep_dir, number), values)
        JobRun.open(settings, search, config).close(returned(0.5))
    run = client.runs()["trial-1"]
    expected = {"x": "0.5", "a": "${absent}", "deep.b": "0.5", "deep.m": "???", "circle": "${circle}", "7": "seven"}
    assert expected.items() <= run.data.params.items() and run.info.status == "FINISHED"
    assert run.data.params["deep.list"] == "[1, '${oc.env:NOBODY_HAS_SET_THIS}']"
    assert "b: 0.5" in (sweep_dir / "1/.hydra/config_resolved.yaml").read_text()
    assert caplog.text.count("a has no value and is recorded as it is written") == 1


def test_run_that_the_job_starts_is_nested_below_its_own_and_ends_with_it(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path
) -> None:
    job = JobRun.open(settings, search, job_config(sweep_dir, 1, x=0.5))
    with mlflow.start_run(experiment_id="1", run_name="inner") as inner:
        assert mlflow.active_run() is inner
    active = mlflow.active_run()
    assert active is not None and active.info.run_id == job.record.run_id
    mlflow.start_run(experiment_id="1", run_name="left open")
    job.close(returned(RuntimeError("broke")))
    runs = client.runs()
    status = {name: run.info.status for name, run in runs.items()}
    assert status == {"trial-1": "FAILED", "inner": "FINISHED", "left open": "FAILED"}
    assert runs["inner"].data.tags["mlflow.parentRunId"] == runs["trial-1"].info.run_id


def test_single_job_is_a_run_of_its_own_with_all_its_overrides(
    settings: Settings, client: TrackingClient, sweep_dir: Path
) -> None:
    JobRun.open(settings, None, job_config(sweep_dir, search=False, x=1)).close(returned(0.5))
    run = client.runs()["search"]
    assert "mlflow.parentRunId" not in run.data.tags and "trial_number" not in run.data.metrics
    assert load_job(sweep_dir).overrides == ["x=1"]


def test_run_id_in_the_environment_is_not_written_to(
    settings: Settings, client: TrackingClient, sweep_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = client.create_run("1", run_name="outer").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", outer)
    JobRun.open(settings, None, job_config(sweep_dir, search=False)).close(returned(0.5))
    assert client.get_run(outer).info.status == "RUNNING" and set(client.runs()) == {"outer", "search"}


def test_job_without_a_word_to_mlflow_waits_for_no_server_and_its_run_is_made_after_it(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path
) -> None:
    before = client.n_calls
    job = JobRun.open(settings, search, job_config(sweep_dir, 1, x=0.5))
    started = job.record.start_time
    report(0.25, 0)
    assert client.n_calls == before and not load_job(sweep_dir / "1").is_asked_for
    backlog = Backlog("http://server")
    job.close(returned(0.5), backlog)
    wait_for(lambda: load_job(sweep_dir / "1").sent, 10, "the delivery")
    backlog.end()
    run = client.runs()["trial-1"]
    assert (run.info.status, run.info.start_time, run.data.metrics["score"]) == ("FINISHED", started, 0.5)


def test_job_that_asks_for_its_run_has_one_and_the_same_from_then_on(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path
) -> None:
    job = JobRun.open(settings, search, job_config(sweep_dir, 1, x=0.5))
    active = mlflow.active_run()
    assert active is not None and client.calls["create_run"] == 0
    found = {active.info.run_id, active.info.run_id, job.run().info.run_id, load_job(sweep_dir / "1").run_id}
    assert len(found) == 1 and active.data.tags["mlflow.parentRunId"] == "parent"
    assert (active.inputs and active.inputs.dataset_inputs, active.outputs and active.outputs.model_outputs) == ([], [])
    job.close(returned(0.5))
    assert client.calls["create_run"] == 1 and client.runs()["trial-1"].info.run_id in found


@pytest.mark.parametrize("n", range(1, 4))
@pytest.mark.parametrize("how", ["fails_at", "answer_lost_at"])
def test_job_whose_delivery_is_cut_short_at_any_request_has_one_run_in_the_end(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path, how: str, n: int
) -> None:
    job = JobRun.open(settings, search, job_config(sweep_dir, 1, x=0.5))
    setattr(client, how, client.n_calls + n)
    job.close(returned(0.5))
    left = load_job(sweep_dir / "1")
    assert (left.status, left.is_asked_for, left.sent) == ("FINISHED", True, False), "all that another process has"
    deliver(settings, left, sweep_dir / "1")
    (run,) = [run for run in client.search_runs([settings.experiment_id]) if run.info.run_name == "trial-1"]
    assert (run.info.status, run.data.params, run.data.metrics["score"]) == ("FINISHED", {"x": "0.5"}, 0.5)
    assert load_job(sweep_dir / "1").sent


def test_record_that_finds_no_room_is_left_to_the_end_of_the_search(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hydra_plugins.hydra_mlflow_callback._backlog.LARGEST_BACKLOG", 1)
    gate, backlog = threading.Event(), Backlog("sqlite:///one.db")
    assert backlog.put(lambda: gate.wait(10) and None)
    wait_for(lambda: backlog.put(lambda: None), 10, "the first to be taken")
    job = JobRun.open(settings, search, job_config(sweep_dir, 1, x=0.5))
    job.close(returned(0.5), backlog)
    gate.set()
    backlog.end()
    record = load_job(sweep_dir / "1")
    assert (record.status, record.sent, client.calls["create_run"]) == ("FINISHED", False, 0)


def test_job_goes_on_without_a_server_and_its_record_is_complete(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client.is_away = True
    job = JobRun.open(settings, search, job_config(sweep_dir, 1, x=0.5))
    report(0.25, 0)
    job.show()
    asked = client.n_calls
    job.show()
    job.close(returned(0.5))
    assert client.n_calls == asked, "a job that has not reached the server does not wait for it again"
    assert "MLflow is gone; trial-1 goes on and is recorded later" in caplog.text
    record = load_job(sweep_dir / "1")
    assert (record.status, record.values, record.sent, record.run_id) == ("FINISHED", [0.5], False, None)
    assert record.metrics[0][:2] == ("score", 0.25)


def test_server_that_goes_away_while_the_job_runs_is_asked_no_more(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = JobRun.open(settings, search, job_config(sweep_dir, 1, x=0.5))
    report(0.25, 0)
    client.is_away = True
    job.show()
    asked = client.n_calls
    report(0.5, 1)
    job.show()
    job.close(returned(0.5))
    assert client.n_calls == asked
    assert "MLflow is gone; trial-1 goes on and is recorded later" in caplog.text
    assert [step for key, _, _, step in load_job(sweep_dir / "1").metrics if key == "score"] == [0, 1, 1]
    assert not load_job(sweep_dir / "1").sent and mlflow.active_run() is None


def test_server_that_goes_away_at_the_end_costs_the_job_nothing(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = JobRun.open(settings, search, job_config(sweep_dir, 1))
    client.is_away = True
    job.close(returned(0.5))
    assert "MLflow can't take trial-1 now" in caplog.text and mlflow.active_run() is None
    assert load_job(sweep_dir / "1").status == "FINISHED"


def test_reported_values_are_sent_once_while_the_job_runs(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path
) -> None:
    job = JobRun.open(settings, search, job_config(sweep_dir, 1, x=0.5))
    report(0.25, 0)
    job.show()
    job.show()
    report(0.5, 1)
    job.show()
    run_id = str(job.record.run_id)
    assert [(m.value, m.step) for m in client.get_metric_history(run_id, "score")] == [(0.25, 0), (0.5, 1)]
    assert client.get_run(run_id).data.params == {"x": "0.5"}
    assert client.calls["_log_batch"] == 2, "the second look had nothing to send"
    job.close(returned(0.75))
    report(0.9, 2)
    assert [m.step for m in client.get_metric_history(run_id, "score")] == [0, 1, 1], "nobody listens any more"


def test_numbers_of_the_metrics_file_are_metrics_and_the_result_wins(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path
) -> None:
    job = JobRun.open(settings, search, job_config(sweep_dir, 1))
    (sweep_dir / "1/metrics.json").write_text(json.dumps({"score": 0.1, "loss": 2}))
    job.close(returned(0.5))
    metrics = client.runs()["trial-1"].data.metrics
    assert (metrics["score"], metrics["loss"], metrics["duration_seconds"] >= 0) == (0.5, 2.0, True)


@pytest.mark.parametrize("moved", [0, 3_600_000])
def test_result_is_the_latest_value_whatever_was_reported_last_and_whenever(
    search: SearchRecord, sweep_dir: Path, tmp_path: Path, moved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the real store, which takes the larger of two values of one step and millisecond for the latest."""
    settings = open_experiment(replace(search.settings, tracking_uri=f"sqlite:///{tmp_path}/mlflow.db"))
    for number, (reported, result) in enumerate([(0.9, 0.1), (0.1, 0.9)]):
        monkeypatch.setattr("hydra_plugins.hydra_mlflow_callback._job_run.now", lambda: 1_700_000_000_000)
        job = JobRun.open(settings, search, job_config(sweep_dir, number))
        for step, value in ((0, 0.5), (2**63, 0.0), (1, reported)):
            report(value, step)
        monkeypatch.setattr("hydra_plugins.hydra_mlflow_callback._job_run.now", lambda: 1_700_000_000_000 - moved)
        job.close(returned(result))
        run = connect(settings).get_run(str(job.record.run_id))
        assert (run.data.metrics["score"], run.info.status) == (result, "FINISHED")


@pytest.mark.parametrize("text", ["[0.5", '{"a":' * 100_000 + "1" + "}" * 100_000])
def test_metrics_file_that_is_none_is_warned_of_and_the_job_is_recorded(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path, text: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    job = JobRun.open(settings, search, job_config(sweep_dir, 1))
    (sweep_dir / "1/metrics.json").write_text(text)
    job.close(returned(0.5))
    assert "is no record of metrics" in caplog.text
    assert client.runs()["trial-1"].info.status == "FINISHED"


def test_password_of_a_url_reaches_neither_run_nor_file(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path
) -> None:
    JobRun.open(settings, search, job_config(sweep_dir, 1, url="postgresql://me:secret@db/x")).close(returned(0.5))
    left = str(client.dump()) + "".join(path.read_text() for path in sweep_dir.rglob("*") if path.is_file())
    assert "secret" not in left and "me:***@db" in left


def test_model_that_is_not_there_ends_the_program_and_the_run_stays_as_it_is(
    settings: Settings, client: TrackingClient, sweep_dir: Path
) -> None:
    job = JobRun.open(replace(settings, register_model="cancer"), None, job_config(sweep_dir, search=False))
    with pytest.raises(SearchError, match=r"^hydra.callbacks.mlflow.register_model: needs a fitted .* got cancer; "):
        job.close(returned(0.5))
    assert mlflow.active_run() is None


def test_model_that_can_not_be_registered_without_a_server_ends_the_program(
    settings: Settings, client: TrackingClient, sweep_dir: Path
) -> None:
    named = replace(settings, register_model="cancer", names={"register_model": "ship (hydra...register_model)"})
    client.is_away = True
    job = JobRun.open(named, None, job_config(sweep_dir, search=False))
    with pytest.raises(SearchError, match=r"^ship \(hydra.*\): nothing is registered, since MLflow can't be reached"):
        job.close(returned(0.5))


def test_model_of_a_job_whose_end_can_not_be_written_is_not_registered_and_that_ends_the_program(
    settings: Settings, client: TrackingClient, sweep_dir: Path
) -> None:
    job = JobRun.open(replace(settings, register_model="cancer"), None, job_config(sweep_dir, search=False))
    shutil.rmtree(sweep_dir)
    sweep_dir.write_text("a file in the directory's place")
    with pytest.raises(SearchError, match=r"register_model: nothing is registered"):
        job.close(returned(0.5))


COMPARED = Settings("http://server", "e", "r", metrics=("score",), directions=("maximize",))
NOT_COMPARED = Settings("http://server", "e", "r")
PAIR = replace(COMPARED, metrics=("a", "b"), directions=("maximize", "minimize"))
LATE = TrialLost("The study has closed trial 7 before its job has ended: worker lost")
REFUSED = InvalidObjective("the job must return a finite number, got nan")


class Pruned(TrialPruned):
    pass


@pytest.mark.parametrize(
    ("settings", "result", "expected"),
    [
        (COMPARED, 0.5, End("FINISHED", (0.5,))),
        (PAIR, (0.5, 2), End("FINISHED", (0.5, 2.0))),
        (NOT_COMPARED, None, End("FINISHED")),
        (NOT_COMPARED, 0.5, End("FINISHED", (0.5,))),
        (COMPARED, None, End("FAILED", error="the job must return a number, got None")),
        (COMPARED, float("nan"), End("FAILED", error="the job must return a finite number, got nan")),
        (PAIR, 0.5, End("FAILED", error="the job must return 2 value(s), got 1: 0.5")),
        (COMPARED, LATE, End("KILLED", error=str(LATE))),
        (COMPARED, REFUSED, End("FAILED", error=str(REFUSED))),
        (COMPARED, Pruned("after step 3"), End("KILLED", error="after step 3", pruned=True)),
    ],
)
def test_end_of_a_job_is_that_of_its_result(settings: Settings, result: object, expected: End) -> None:
    assert end_of(returned(result), settings) == expected


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError("broke"), "FAILED"), (KeyboardInterrupt("broke"), "KILLED"), (SystemExit("broke"), "KILLED")],
)
def test_job_that_raised_ends_with_its_traceback(error: BaseException, status: str) -> None:
    try:
        raise error
    except BaseException as raised:
        end = end_of(returned(raised), COMPARED)
    assert end.status == status and not end.pruned
    assert "raise error" in str(end.error) and str(end.error).strip().endswith("broke")


def test_job_that_ended_before_it_began_has_failed() -> None:
    assert end_of(JobReturn(), COMPARED) == End("FAILED", error="the job ended without a result")


def test_lost_job_has_finished_if_it_has_left_its_result_before_the_study_closed_its_trial(make_job: MakeJob) -> None:
    record, directory = make_job(3)
    assert end_of_lost(directory, record) == End("KILLED", error="the job's process ended before the job did")
    save_result(directory, [0.9], Attempt(record.owner, 4))
    assert end_of_lost(directory, record).status == "KILLED", "that is another trial's"
    save_result(directory, [0.5, 2.0], record.attempt)
    assert end_of_lost(directory, record) == End("FINISHED", (0.5, 2.0))
    mark_lost(directory, "worker lost", record.attempt)
    assert end_of_lost(directory, record) == End("KILLED", error="worker lost")


def test_job_that_takes_its_directory_away_is_recorded_all_the_same(
    settings: Settings, search: SearchRecord, client: TrackingClient, sweep_dir: Path
) -> None:
    job = JobRun.open(settings, search, job_config(sweep_dir, 1, x=0.5))
    shutil.rmtree(sweep_dir / "1")
    job.close(returned(0.5))
    assert client.runs()["trial-1"].info.status == "FINISHED"
    assert (load_job(sweep_dir / "1").values, load_job(sweep_dir / "1").place) == ([0.5], "1")


@pytest.fixture(autouse=True)
def _warnings(caplog: Any) -> None:
    caplog.set_level(logging.WARNING)
