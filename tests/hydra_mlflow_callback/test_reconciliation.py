"""What the end of a search makes of its jobs' records, with the tracking client's twin in place of a server."""

import dataclasses
import json
import socket
from pathlib import Path

import pytest

from hydra_plugins.hydra_mlflow_callback._delivery import deliver
from hydra_plugins.hydra_mlflow_callback._record import JobRecord, SearchRecord, goes_on, load_job, load_search
from hydra_plugins.hydra_mlflow_callback._search_run import Undelivered, close_search
from hydra_plugins.hydra_mlflow_callback.config import Settings
from hydra_plugins.hydra_search.owner import Owner
from hydra_plugins.hydra_search.results import mark_lost, save_result
from tests.tracking_client import TrackingClient, put_in_place

ME = Owner.me()
DEAD = Owner(ME.host, ME.pid, ME.started - 1000)
ELSEWHERE = Owner(f"not-{socket.gethostname()}", 7, 1.0)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrackingClient:
    return put_in_place(TrackingClient(tmp_path / "store"), monkeypatch)


@pytest.fixture
def search(client: TrackingClient, tmp_path: Path) -> SearchRecord:
    experiment = client.create_experiment("e")
    settings = Settings(
        "http://tracking.invalid", "e", "search", metrics=("score",), directions=("maximize",), experiment_id=experiment
    )
    parent = client.create_run(experiment, run_name="search").info.run_id
    record = SearchRecord(run_id=parent, settings=settings, sweep=ME)
    record.save(tmp_path / "sweep")
    return record


def job(client: TrackingClient, search: SearchRecord, folder: Path, number: int = 0, **changes: object) -> JobRecord:
    """Write the record of a job that runs, and open its run."""
    tags = {"mlflow.parentRunId": search.run_id}
    record = JobRecord(
        name=f"trial-{number}", number=number, start_time=1000 + number, params={"x": "0.5"}, tags=tags,
        overrides=["x=0.5"], parent_run_id=search.run_id, sweep=search.sweep,
    )  # fmt: skip
    record.tags["hydra.job.key"] = record.key
    run = client.create_run(search.settings.experiment_id, start_time=1000, tags=record.tags, run_name=record.name)
    record.run_id, record.artifact_uri = run.info.run_id, run.info.artifact_uri
    record = dataclasses.replace(record, **changes)  # type: ignore[arg-type]  # fields of JobRecord
    (folder / str(number)).mkdir(parents=True, exist_ok=True)
    record.save(folder / str(number))
    return record


@pytest.mark.parametrize(
    ("owner", "sweep", "lost", "status", "alone"),
    [
        pytest.param(ME, ME, False, "KILLED", False, id="ran in this very process"),
        pytest.param(DEAD, DEAD, False, "KILLED", False, id="here, its process is gone"),
        pytest.param(ELSEWHERE, ELSEWHERE, False, "KILLED", True, id="another machine's own, this sweep interrupted"),
        pytest.param(ELSEWHERE, ELSEWHERE, False, "FINISHED", True, id="another machine's own, this sweep ended"),
        pytest.param(ELSEWHERE, ELSEWHERE, True, "KILLED", False, id="another machine's, taken for lost by the study"),
        pytest.param(ELSEWHERE, ME, False, "FINISHED", False, id="of this sweep, whose launcher has returned"),
        pytest.param(ELSEWHERE, ME, False, "KILLED", True, id="of this sweep elsewhere, and this sweep interrupted"),
        pytest.param(ELSEWHERE, None, False, "FINISHED", True, id="elsewhere, of an older version"),
    ],
)
def test_running_job_is_closed_at_the_end_of_a_sweep_unless_it_may_go_on_elsewhere(
    client: TrackingClient, search: SearchRecord, tmp_path: Path, owner: Owner, sweep: Owner | None, lost: bool,
    status: str, alone: bool,
) -> None:  # fmt: skip
    folder = tmp_path / "sweep"
    record = job(client, search, folder, owner=owner, sweep=sweep)
    if lost:
        mark_lost(folder / "0", "worker lost")
    assert goes_on(record, folder / "0", dataclasses.replace(search, status=status)) is alone
    close_search(search, folder, status)
    assert client.runs()["trial-0"].info.status == ("RUNNING" if alone else "KILLED")
    assert load_job(folder / "0").status == ("RUNNING" if alone else "KILLED")
    assert client.runs()["search"].info.status == status


def test_lost_job_that_left_its_result_is_finished_with_it(
    client: TrackingClient, search: SearchRecord, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    job(client, search, folder, owner=DEAD)
    save_result(folder / "0", [0.75])
    close_search(search, folder, "FINISHED")
    run = client.runs()["trial-0"]
    assert (run.info.status, run.data.metrics["score"]) == ("FINISHED", 0.75)
    assert client.runs()["search"].data.params["best_x"] == "0.5"


def test_server_that_is_away_costs_nothing_but_a_later_delivery(
    client: TrackingClient, search: SearchRecord, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    job(client, search, folder, owner=DEAD)
    client.is_away = True
    with pytest.raises(Undelivered, match="1 of 1 jobs are not up to date"):
        close_search(search, folder, "FINISHED")
    client.is_away = False
    close_search(load_search(folder), folder, "FINISHED")
    assert {name: run.info.status for name, run in client.runs().items()} == {"trial-0": "KILLED", "search": "FINISHED"}


def test_delivery_cut_short_anywhere_and_done_again_leaves_what_one_delivery_leaves(
    client: TrackingClient, search: SearchRecord, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    curve = [("score", i / 10, 2000 + i, i) for i in range(30)]
    ended = {"status": "FINISHED", "end_time": 5000, "values": [2.9], "metrics": curve}

    def outcome(name: str) -> object:
        run = client.runs()[name]
        return (
            run.info.status,
            run.data.params,
            run.data.metrics,
            len(client.get_metric_history(run.info.run_id, "score")),
        )

    whole = job(client, search, folder, 0, **ended)
    before = client.n_calls
    deliver(search.settings, whole, folder / "0")
    for cut in range(1, client.n_calls - before + 1):
        record = job(client, search, folder, cut, **ended)
        client.fails_at = client.n_calls + cut
        with pytest.raises(Exception, match="Max retries"):
            deliver(search.settings, record, folder / str(cut))
        again = load_job(folder / str(cut))
        assert not again.sent
        deliver(search.settings, again, folder / str(cut))
        assert load_job(folder / str(cut)).sent and outcome(f"trial-{cut}") == outcome("trial-0")


def test_run_whose_id_was_lost_with_the_answer_is_found_again_by_its_key(
    client: TrackingClient, search: SearchRecord, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    record = job(client, search, folder, status="FINISHED", end_time=5000, values=[1.0], run_id=None)
    deliver(search.settings, record, folder / "0")
    assert record.run_id == client.runs()["trial-0"].info.run_id and len(client.runs()) == 2


def test_records_of_our_own_are_not_uploaded_and_all_else_is(
    client: TrackingClient, search: SearchRecord, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    record = job(client, search, folder, status="FINISHED", end_time=5000, values=[1.0])
    for name in ("note.txt", ".result.json", ".lost"):
        (folder / "0" / name).write_text("{}")
    deliver(search.settings, record, folder / "0")
    assert set(client.files(str(record.run_id))) == {"note.txt"}


def test_better_value_after_a_resume_is_a_tag_since_a_parameter_never_changes(
    client: TrackingClient, search: SearchRecord, tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    job(client, search, folder, 0, status="FINISHED", end_time=5000, values=[0.5])
    close_search(search, folder, "FINISHED")
    job(client, search, folder, 1, status="FINISHED", end_time=6000, values=[0.9], overrides=["x=0.9"])
    close_search(search, folder, "FINISHED")
    parent = client.runs()["search"]
    assert (parent.data.params["best_x"], parent.data.tags["best_x"]) == ("0.5", "0.9")
    assert parent.data.tags["best.trial"] == "trial-1"


def test_record_is_read_back_as_it_was_written_and_one_of_an_older_version_too(
    client: TrackingClient, search: SearchRecord, tmp_path: Path
) -> None:
    record = job(client, search, tmp_path / "sweep", metrics=[("score", 0.5, 1, 2)])
    assert load_job(tmp_path / "sweep/0") == record
    assert load_search(tmp_path / "sweep") == search
    path = tmp_path / "sweep/0/.mlflow_run.json"
    old = json.loads(path.read_text())
    del old["owner"], old["sweep"]
    path.write_text(json.dumps({**old, "host": "elsewhere", "pid": 7}))
    assert load_job(tmp_path / "sweep/0").owner.host == "elsewhere"
