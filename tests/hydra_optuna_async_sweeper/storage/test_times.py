"""Times in Optuna's tables are what Optuna itself writes there."""

import sqlite3
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from hydra_plugins.hydra_optuna_async_sweeper.storage._trial_tables import local_time, stored_time


def test_time_of_a_trial_is_stored_as_optuna_stores_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        database = RDBStorage(f"sqlite:///{tmp_path}/study.db")
        moment = datetime(2026, 7, 1, 12, 30, 0, 250)
        ended = create_trial(state=TrialState.COMPLETE, value=1.0)
        ended.datetime_start = moment
        database.create_new_trial(database.create_new_study([StudyDirection.MINIMIZE]), ended)
        with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
            ((text,),) = connection.execute("SELECT datetime_start FROM trials")
        assert stored_time(moment) == datetime.fromisoformat(text)
        assert local_time(datetime.fromisoformat(text)) == moment
        assert stored_time(None) is None and local_time(None) is None
        database.engine.dispose()
    finally:
        monkeypatch.undo()
        time.tzset()
