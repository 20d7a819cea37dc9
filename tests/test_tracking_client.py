"""The twin of the tracking client answers as the real one on SQLite, to one script."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from tests.tracking_client import TrackingClient


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(MlflowException) as error:
        call()
    return str(error.value.error_code)


def script(client: Any, folder: Path) -> list[object]:
    """Do everything that the callback does; return what was answered, without ids, times of its own and addresses."""
    seen: list[object] = [client.get_experiment_by_name("e")]
    experiment = client.create_experiment("e")
    seen += [client.get_experiment_by_name("e").lifecycle_stage, refused(lambda: client.create_experiment("e"))]
    first = client.create_run(experiment, start_time=1000, tags={"hydra.job.key": "k", "n": "1"}, run_name="trial-0")
    second = client.create_run(experiment, start_time=2000, tags={"mlflow.parentRunId": first.info.run_id})
    one, two = first.info.run_id, second.info.run_id
    seen += [look(client, one), refused(lambda: client.get_run("0" * 32))]

    many = [Param(f"p{i:03}", "v" * (7000 if i == 0 else 3)) for i in range(250)]
    curve = [Metric("score", i / 7, i, i) for i in range(1500)] + [Metric("same", 1.0, 5, 0)] * 2
    client.log_batch(one, curve, many, [RunTag("t", "x")])
    client.log_batch(one, curve[-5:], many[-5:], [RunTag("t", "y")])
    client.log_batch(one)
    client.log_batch(one, [Metric("score", 0.1, 9, 1499), Metric("score", 9.9, 10**6, 3)])
    seen += [
        look(client, one),
        len(client.get_metric_history(one, "score")),
        len(client.get_metric_history(one, "same")),
    ]
    seen.append(refused(lambda: client.log_batch(one, params=[Param("p001", "other")])))
    seen.append(refused(lambda: client.log_batch(one, metrics=[Metric("a=b", 1.0, 0, 0)])))
    seen.append(refused(lambda: client.log_batch("0" * 32, params=[Param("a", "b")])))

    data = DatasetInput(
        Dataset("d", "digest", "code", '{"uri": "u"}', profile="{}"), [InputTag("mlflow.data.context", "training")]
    )
    client.log_inputs(one, [data])
    client.log_inputs(one, [data])
    seen.append([(used.dataset.name, used.tags[0].value) for used in client.get_run(one).inputs.dataset_inputs])

    (folder / "sub").mkdir(parents=True)
    (folder / "file.txt").write_text("text")
    (folder / "sub/inner.txt").write_text("inner")
    client.log_text(one, "a traceback", "traceback.txt")
    client.log_artifact(one, str(folder / "file.txt"))
    client.log_artifacts(one, str(folder / "sub"), "sub")
    seen.append([(item.path, item.is_dir, item.file_size) for item in client.list_artifacts(one)])

    running = f"tags.`mlflow.parentRunId` = '{one}' and attributes.status = 'RUNNING'"
    by_key = "tags.`hydra.job.key` = 'k'"
    seen.append([run.info.run_id == two for run in client.search_runs([experiment], running, max_results=5000)])
    seen.append([run.info.run_name for run in client.search_runs([experiment], by_key, max_results=1)])
    seen.append([run.info.start_time for run in client.search_runs([experiment])])
    client.set_terminated(two, "KILLED")
    seen.append(client.search_runs([experiment], running))
    client.set_terminated(one, "FINISHED", 5000)
    seen.append(look(client, one))
    client.update_run(one, status="RUNNING")
    seen.append(look(client, one))
    client.set_tag(one, "mlflow.parentRunId", "another")
    client.delete_run(two)
    seen += [
        look(client, one),
        look(client, two)["lifecycle_stage"],
        refused(lambda: client.log_batch(two, params=[Param("a", "b")])),
    ]
    seen += [refused(lambda: client.set_terminated(two, "KILLED")), refused(lambda: client.set_tag(two, "a", "b"))]
    seen.append([run.info.run_id == one for run in client.search_runs([experiment])])
    client.delete_experiment(experiment)
    seen += [client.get_experiment_by_name("e").lifecycle_stage, look(client, one)["lifecycle_stage"]]
    seen += [client.search_runs([experiment]), refused(lambda: client.create_run(experiment))]
    return seen


def look(client: Any, run_id: str) -> dict[str, object]:
    run = client.get_run(run_id)
    info = {key: getattr(run.info, key) for key in ("status", "run_name", "start_time", "end_time", "lifecycle_stage")}
    return info | {"params": run.data.params, "tags": run.data.tags, "metrics": run.data.metrics}


@pytest.mark.slow
def test_twin_answers_as_the_real_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    real = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    assert script(TrackingClient(tmp_path / "twin"), tmp_path / "a") == script(real, tmp_path / "b")


def test_server_that_is_away_refuses_every_call_and_counts_it(tmp_path: Path) -> None:
    client = TrackingClient(tmp_path)
    client.is_away = True
    with pytest.raises(MlflowException, match="Max retries exceeded"):
        client.create_experiment("e")
    client.is_away = False
    assert client.get_experiment_by_name("e") is None, "what was refused was not done"
    assert client.calls == {"create_experiment": 1, "get_experiment_by_name": 1}


def test_call_whose_answer_is_lost_was_done(tmp_path: Path) -> None:
    client = TrackingClient(tmp_path)
    client.answer_lost_at = 1
    with pytest.raises(MlflowException, match="timed out"):
        client.create_experiment("e")
    assert client.get_experiment_by_name("e") is not None
