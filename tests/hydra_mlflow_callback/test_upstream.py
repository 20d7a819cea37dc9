"""The private names of Hydra and MLflow that the callback uses: each test fails when one changes."""

from pathlib import Path

import mlflow
import pytest
from hydra.core.utils import JobReturn, JobStatus

from hydra_plugins.hydra_mlflow_callback._upstream import leave_active_runs, result_of
from tests.tracking_client import TrackingClient, put_in_place


@pytest.mark.parametrize(("status", "value"), [(JobStatus.COMPLETED, 0.5), (JobStatus.FAILED, ValueError("x"))])
def test_result_of_a_job_is_had_without_raising_it(status: JobStatus, value: object) -> None:
    job = JobReturn(status=status)
    job.return_value = value
    assert result_of(job) is value


def test_active_run_is_left_without_being_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = put_in_place(TrackingClient(tmp_path), monkeypatch)
    run = mlflow.start_run(experiment_id=client.create_experiment("e"), run_name="job")
    assert mlflow.active_run() is not None
    leave_active_runs()
    assert mlflow.active_run() is None
    assert client.get_run(run.info.run_id).info.status == "RUNNING"
