"""Which launchers' workers are processes of the sweep's own, and how many threads those may have."""

import os
from collections.abc import Sequence

import joblib
import pytest
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher

from hydra_plugins.hydra_optuna_async_sweeper.search._processes import n_at_once, settings_of, threads_of


class Renamed(JoblibLauncher):
    """A subclass that launches as joblib's does."""


class OfItsOwn(JoblibLauncher):
    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        return []


@pytest.mark.parametrize("launcher", [JoblibLauncher(n_jobs=2), Renamed(n_jobs=2, backend="multiprocessing")])
def test_joblibs_workers_are_processes_of_the_sweep(launcher: JoblibLauncher) -> None:
    assert settings_of(launcher) == launcher.joblib


@pytest.mark.parametrize(
    "launcher", [OfItsOwn(), JoblibLauncher(prefer="threads"), JoblibLauncher(require="sharedmem")]
)
def test_launcher_that_does_it_in_its_own_way_is_left_to_it(launcher: Launcher) -> None:
    assert settings_of(launcher) is None


@pytest.mark.only_on_hydra_1_4("hydra-submitit-launcher is in the environment of the application")
def test_submitits_local_launcher_is_left_to_itself() -> None:
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import LocalLauncher

    assert settings_of(LocalLauncher()) is None


def test_processes_share_the_cores_as_joblibs_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.endswith("_NUM_THREADS")]:
        monkeypatch.delenv(name)
    share = str(max(joblib.cpu_count() // 2, 1))
    assert threads_of({}, 2)["OMP_NUM_THREADS"] == threads_of({}, 2)["MKL_NUM_THREADS"] == share
    assert threads_of({}, 1) == {}
    assert threads_of({"inner_max_num_threads": 3}, 1)["OMP_NUM_THREADS"] == "3"
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert threads_of({}, 2)["OMP_NUM_THREADS"] == "7", "what the user has set stays"


def test_as_many_workers_run_at_once_as_the_sweeper_has_unless_the_launcher_is_told_otherwise() -> None:
    cores = joblib.cpu_count()
    assert n_at_once(cores + 5, {"n_jobs": -1}) == cores + 5, "joblib's default, which nobody has chosen"
    assert n_at_once(cores + 5, {"n_jobs": 3}) == 3
    assert n_at_once(2, {"n_jobs": 3}) == 2
    assert n_at_once(cores + 5, {"n_jobs": -2}) == max(cores - 1, 1)
