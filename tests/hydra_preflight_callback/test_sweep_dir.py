from pathlib import Path

import pytest
from omegaconf import OmegaConf

from hydra_plugins.hydra_preflight_callback._other_sweepers import claim_sweep_dir
from hydra_plugins.hydra_search.claims import release_if_unused
from hydra_plugins.hydra_search.errors import BadInput


@pytest.mark.parametrize("left", ["7", "optimization_results.yaml", "multirun.yaml"])
def test_directory_of_another_search_is_refused(tmp_path: Path, left: str) -> None:
    (tmp_path / left).mkdir()
    config = OmegaConf.create({"study_name": "a", "hydra": {"sweep": {"dir": str(tmp_path)}}})
    with pytest.raises(BadInput, match=f"^hydra.sweep.dir: already holds.*got {tmp_path}. Set study_name="):
        claim_sweep_dir(config)
    assert [path.name for path in tmp_path.iterdir()] == [left]


def test_unused_claim_leaves_nothing(tmp_path: Path) -> None:
    config = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path / "multirun" / "a")}}})
    release_if_unused(claim_sweep_dir(config))
    assert not list(tmp_path.iterdir())


def test_used_claim_stays(tmp_path: Path) -> None:
    config = OmegaConf.create({"hydra": {"sweep": {"dir": str(tmp_path / "a")}}})
    claim = claim_sweep_dir(config)
    (tmp_path / "a" / "0").mkdir()
    release_if_unused(claim)
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"0", "multirun.yaml"}
    with pytest.raises(BadInput, match="already holds a search"):
        claim_sweep_dir(config)
