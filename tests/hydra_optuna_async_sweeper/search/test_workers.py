"""When a sweep has what it was asked for."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from omegaconf import OmegaConf
from optuna.trial import TrialState

from hydra_plugins.hydra_optuna_async_sweeper.search._sweep import Sweep
from hydra_plugins.hydra_optuna_async_sweeper.search._workers import Workers
from hydra_plugins.hydra_optuna_async_sweeper.storage._resolve import resolve_storage
from hydra_plugins.hydra_search.errors import BadInput
from hydra_plugins.hydra_search.owner import of_process
from tests.sweeps import close_queues, made_up_search, opened_below, queue_of


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


def test_few_trials_that_an_earlier_command_has_left_waiting_do_not_keep_workers_from_starting(tmp_path: Path) -> None:
    earlier = queue_of(made_up_search(tmp_path, n_trials=8))
    while trial := earlier.claim():
        earlier.storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [0.5])
        if trial.number == 6:
            break
    workers = Workers(cast("Any", None), queue_of(made_up_search(tmp_path, n_trials=20, n_jobs=4)))
    assert workers.wait_for_work() == 13, "one waits"


def test_sweep_that_is_refused_by_its_study_keeps_no_connection_to_it(tmp_path: Path) -> None:
    storage = resolve_storage(f"sqlite:///{tmp_path}/study.db", tmp_path, tmp_path)
    search = made_up_search(tmp_path, storage=storage, shares=False)
    queue_of(search)
    close_queues()
    config = OmegaConf.create({"hydra": {"overrides": {"task": [], "hydra": []}}})
    with pytest.raises(BadInput, match="another command began in the same second"):
        Sweep.open(search, config, cast("Any", None), cast("Any", None))
    assert not [path for path in opened_below(tmp_path) if "study.db" in path]
