"""When a sweep has what it was asked for."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from optuna.trial import TrialState

from hydra_plugins.hydra_optuna_async_sweeper.search._workers import Workers
from hydra_plugins.hydra_search.owner import of_process
from tests.sweeps import made_up_search, queue_of


def test_sweep_that_has_what_it_asked_for_does_not_wait_for_a_larger_one_on_the_study(tmp_path: Path) -> None:
    search = made_up_search(tmp_path)
    other = queue_of(replace(search, n_trials=9, sweeper=of_process(os.getppid())))
    workers = Workers(cast("Any", None), queue_of(search))
    for _ in range(search.n_trials):
        trial = other.claim()
        assert trial
        other.storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [0.5])
    assert other.claim(), "the larger one goes on"
    assert workers.wait_for_work() == 0
