"""The private names that this package needs mean what they meant."""

import mlflow
import pytest
from hydra.core.utils import JobReturn, JobStatus

from hydra_plugins.hydra_mlflow_callback._upstream import active_run, nesting_by_default, result_of
from tests.tracking_client import TrackingClient

from .conftest import returned


def test_result_of_a_failed_job_is_its_error_which_the_public_name_raises() -> None:
    error = RuntimeError("broke")
    assert result_of(returned(error)) is error
    with pytest.raises(RuntimeError, match="broke"):
        _ = returned(error).return_value
    assert result_of(JobReturn(status=JobStatus.UNKNOWN)) is None
    assert result_of(returned(0.5)) == returned(0.5).return_value


def test_run_is_the_active_one_inside_and_what_was_active_before_or_is_left_open_stays_running(
    client: TrackingClient,
) -> None:
    before = mlflow.start_run(experiment_id=client.create_experiment("e")).info.run_id
    run = client.create_run("1")
    with active_run(run) as left_open:
        assert mlflow.active_run() is run
        inner = mlflow.start_run(experiment_id="1").info.run_id
        asked = client.n_calls
    assert (mlflow.active_run(), client.n_calls, left_open) == (None, asked, [inner])
    assert {client.get_run(one).info.status for one in (before, run.info.run_id, inner)} == {"RUNNING"}
    mlflow.start_run(experiment_id="1")  # refused while another one is active
    mlflow.end_run()


def test_run_that_is_started_plainly_is_refused_beside_another_one_but_where_nesting_is_the_default(
    client: TrackingClient,
) -> None:
    start_run = mlflow.start_run  # as `from mlflow import start_run` at the top of a module
    outer = mlflow.start_run(experiment_id=client.create_experiment("e"))
    with nesting_by_default(), start_run(experiment_id="1") as inner:
        assert inner.data.tags["mlflow.parentRunId"] == outer.info.run_id
    with pytest.raises(Exception, match="already active"):
        start_run(experiment_id="1")
    mlflow.end_run()
