"""Two searches that start in the same second have two names, unless somebody has chosen one for both."""

from pathlib import Path

import pytest
from hydra.conf import HydraConf
from hydra.core.utils import setup_globals
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_search.claims import claim, is_timed, new_names, release_if_unused, study_name_of

TIMED = "train-${now:%Y-%m-%d_%H-%M-%S}"


def config_of(study_name: str | None, sweep_dir: str) -> DictConfig:
    setup_globals()
    hydra = OmegaConf.structured(HydraConf)
    hydra.sweeper, hydra.job.name, hydra.sweep.dir = {"study_name": "${study_name}"}, "app", sweep_dir
    config = OmegaConf.create({"study_name": study_name, "hydra": hydra})
    OmegaConf.set_readonly(config.hydra, True)
    return config


@pytest.mark.parametrize("name", [TIMED, None])
@pytest.mark.parametrize(
    "sweep_dir", ["runs/${hydra.job.name}-${now:%H-%M-%S}", "runs/${now:%Y-%m-%d}/${now:%H-%M-%S}"]
)
def test_name_that_was_taken_gets_a_suffix_everywhere(name: str | None, sweep_dir: str) -> None:
    config = config_of(name, sweep_dir)
    seen = []
    for _ in new_names(config):
        assert is_timed(config)
        seen.append((study_name_of(config), config.hydra.sweep.dir))
        if len(seen) == 3:
            break
    first = seen[0]
    assert seen[1:] == [tuple(f"{text}-{n}" for text in first) for n in (2, 3)]


@pytest.mark.parametrize(("name", "sweep_dir"), [("mine", "runs/${study_name}"), (TIMED, "runs/here")])
def test_name_or_directory_that_was_chosen_stays(name: str, sweep_dir: str) -> None:
    config = config_of(name, sweep_dir)
    assert not is_timed(config)


def test_claimed_directory_is_taken_until_it_is_given_back(tmp_path: Path) -> None:
    directory = tmp_path / "multirun/search"
    claimed = claim(directory, "x: 1\n")
    with pytest.raises(FileExistsError):
        claim(directory, "x: 2\n")
    assert (directory / "multirun.yaml").read_text() == "x: 1\n"
    release_if_unused(claimed)
    release_if_unused(claimed)
    assert not list(tmp_path.iterdir())
