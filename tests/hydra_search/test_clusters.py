import socket
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.hydra_search import clusters
from hydra_plugins.hydra_search.clusters import refuse_absent_cluster
from hydra_plugins.hydra_search.errors import BadInput


def search(launcher: str, address: str | None = None) -> DictConfig:
    node = {"_target_": f"hydra_plugins.x.{launcher}", "ray": {"init": {"address": address}}}
    return OmegaConf.create({"hydra": {"launcher": node, "runtime": {"choices": {"hydra/launcher": "slurm"}}}})


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_slurm_is_asked_for_once_before_anything_starts(programs: Path) -> None:
    with pytest.raises(BadInput, match=r"hydra/launcher: needs Slurm's sbatch, .* got slurm\. .*submitit_local"):
        refuse_absent_cluster(search("SlurmLauncher"))
    program(programs, "sbatch", "")
    refuse_absent_cluster(search("SlurmLauncher"))
    program(programs, "sinfo", "echo one >&2; echo no controller >&2; exit 1")
    with pytest.raises(BadInput, match=r"needs Slurm, which does not answer \(no controller\)"):
        refuse_absent_cluster(search("SlurmLauncher"))
    program(programs, "sinfo", "echo all up")
    refuse_absent_cluster(search("SlurmLauncher"))


def test_address_of_ray_is_one_where_somebody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(BadInput, match=rf"ray.init.address: no Ray cluster answers there .* got {address}"):
            refuse_absent_cluster(search("RayLauncher", address))
        server.listen()
        refuse_absent_cluster(search("RayLauncher", address))
        refuse_absent_cluster(search("RayLauncher", f"ray://{address}"))
        monkeypatch.setenv("RAY_ADDRESS", address)
        refuse_absent_cluster(search("RayLauncher", "auto"))
    for own in ("local", None, "a-name-of-rays-own"):
        refuse_absent_cluster(search("RayLauncher", own))


def test_ray_of_this_machine_is_known_by_its_note_or_its_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(clusters, "RAY_NOTE", tmp_path / "absent")
    monkeypatch.setattr(clusters, "_process_names", lambda: iter(["python"]))
    with pytest.raises(BadInput, match="no Ray cluster runs on this machine, got auto"):
        refuse_absent_cluster(search("RayLauncher", "auto"))
    monkeypatch.setattr(clusters, "_process_names", lambda: iter(["raylet"]))
    refuse_absent_cluster(search("RayLauncher", "auto"))
