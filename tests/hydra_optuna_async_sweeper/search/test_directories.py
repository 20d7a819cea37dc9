"""A directory belongs to one trial, and to one search."""

from pathlib import Path

import pytest
from hydra.conf import HydraConf
from omegaconf import OmegaConf

from hydra_plugins.hydra_optuna_async_sweeper.search._directories import refuse_leftovers, take_directory
from hydra_plugins.hydra_optuna_async_sweeper.storage._journal import Journal
from hydra_plugins.hydra_search.errors import BadInput


def taken(sweep_dir: Path, number: int, subdir: str) -> tuple[str, str]:
    hydra = OmegaConf.structured(HydraConf)
    hydra.job.id, hydra.sweep.subdir = str(number), subdir
    job = OmegaConf.create({"x": 0.5, "hydra": hydra})
    OmegaConf.set_readonly(job.hydra, True)
    path = take_directory(str(sweep_dir), job)
    return path, job.hydra.sweep.subdir


def test_directory_that_is_the_trials_number_is_left_to_hydra(tmp_path: Path) -> None:
    assert taken(tmp_path, 7, "${hydra.job.id}") == ("7", "7")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("subdir", "path"), [("${x}", "0.5"), ("x/${x}", "x/0.5"), ("a b", "a b")])
def test_directory_that_another_trial_has_gets_the_number_behind(tmp_path: Path, subdir: str, path: str) -> None:
    assert taken(tmp_path, 0, subdir) == (path, path)
    assert taken(tmp_path, 3, subdir) == (f"{path}-3", f"{path}-3")
    assert (tmp_path / path).is_dir()


@pytest.mark.parametrize("left", ["3/.result.json", "x=1/.mlflow_run.json", "0/.hydra/overrides.yaml"])
def test_new_study_is_refused_where_the_jobs_of_another_lie(tmp_path: Path, left: str) -> None:
    storage = Journal(tmp_path / "journal.log")
    refuse_leftovers(str(tmp_path), "s", storage, is_there=lambda: False)
    (tmp_path / left).parent.mkdir(parents=True)
    (tmp_path / left).touch()
    refuse_leftovers(str(tmp_path), "s", storage, is_there=lambda: True)
    with pytest.raises(BadInput, match=r"^hydra.sweep.dir: holds the jobs of a search, but no study 's' is in .*\.log"):
        refuse_leftovers(str(tmp_path), "s", storage, is_there=lambda: False)


@pytest.mark.parametrize("left", ["2024/notes.txt", "multirun.yaml", ".queue.lock", "optuna_journal.log"])
def test_new_study_begins_where_nothing_of_a_job_lies(tmp_path: Path, left: str) -> None:
    (tmp_path / left).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / left).touch()
    refuse_leftovers(str(tmp_path), "s", Journal(tmp_path / "journal.log"), is_there=lambda: False)
