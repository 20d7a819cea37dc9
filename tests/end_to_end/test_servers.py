"""As on a cluster: the study in PostgreSQL, the runs on an MLflow server on PostgreSQL, artifacts over HTTP."""

import time
from pathlib import Path

import pytest
from optuna.trial import TrialState

from tests.conftest import MLflowServer, StartApp, wait_for
from tests.postgresql import PostgreSQLServer
from tests.recorded import Recorded
from tests.studies import finished, states, trials_of
from tests.tracked import joblib

pytestmark = pytest.mark.slow

SEARCH = ("--multirun", "--config-name=asynchronous", "hydra.sweeper.n_trials=40", "seconds=2", "steps=2")


def test_search_survives_the_restart_of_both_servers(
    start_app: StartApp, postgresql: PostgreSQLServer, tmp_path: Path
) -> None:
    study, runs = postgresql.new_database(), postgresql.new_database()
    mlflow = MLflowServer(tmp_path, store=runs)
    mlflow.start()
    try:
        where = (f"hydra.sweeper.storage={study}", f"hydra.callbacks.mlflow.tracking_uri={mlflow.uri}")
        search = start_app("tracked.py", *SEARCH, *joblib(2), *where)
        wait_for(lambda: len(finished(trials_of(study))) >= 4, 60, "the first trials")
        mlflow.kill()
        postgresql.shut_down()
        time.sleep(1)
        postgresql.start_again()
        wait_for(lambda: len(finished(trials_of(study))) >= 10, 90, "trials without MLflow")
        mlflow.start()
        output = search.communicate(timeout=180)[0]
        assert search.returncode == 0, output
        assert "Traceback" not in output
        trials = trials_of(study)
        assert len(finished(trials)) == 40
        assert not any(trial.state in (TrialState.RUNNING, TrialState.WAITING) for trial in trials)
        recorded = Recorded(mlflow.uri)
        complete = {f"trial-{number}" for number, state in states(trials).items() if state == "COMPLETE"}
        assert {name for name, status in recorded.statuses().items() if status == "FINISHED"} == complete
        assert "RUNNING" not in recorded.statuses().values() and recorded.parent.info.status == "FINISHED"
        for name in complete:
            run = recorded.children[name]
            assert len(recorded.client.get_metric_history(run.info.run_id, "score")) == 3
            assert run.info.artifact_uri.startswith("mlflow-artifacts:")
            assert {".hydra/overrides.yaml", "tracked.log"} <= recorded.artifacts(run)
    finally:
        mlflow.kill()
