"""Which GPU a worker takes; without any GPU."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from hydra_plugins.hydra_optuna_async_sweeper import config
from hydra_plugins.hydra_optuna_async_sweeper.worker import _gpu
from hydra_plugins.hydra_optuna_async_sweeper.worker._gpu import gpu_count, take_device, visible_devices
from hydra_plugins.hydra_search import owner


@pytest.mark.parametrize(
    ("listed", "expected"),
    [("0,1", ["0", "1"]), (" GPU-ab , 3", ["GPU-ab", "3"]), ("", []), ("-1", []), ("NoDevFiles", [])],
)
def test_variable_names_the_devices(monkeypatch: pytest.MonkeyPatch, listed: str, expected: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    assert visible_devices() == expected
    assert gpu_count() == max(1, len(expected))


def test_device_files_are_counted_without_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(_gpu, "DEVICE_FILES", tmp_path)
    assert (visible_devices(), gpu_count()) == ([], 1)
    for name in ("nvidia2", "nvidia5", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert visible_devices() == ["0", "1"]
    assert config.PROVIDER and OmegaConf.create({"n_jobs": "${gpu_count:}"}).n_jobs == 2


def test_workers_share_the_devices_evenly_and_a_dead_worker_frees_its_own(tmp_path: Path) -> None:
    def workers(n: int) -> list[ProcessPoolExecutor]:
        return [ProcessPoolExecutor(1, mp_context=get_context("spawn")) for _ in range(n)]

    def take(one: ProcessPoolExecutor) -> str | None:
        return one.submit(take_device, ["7", "9"], tmp_path).result()

    first = workers(3)
    try:
        assert [take(one) for one in first] == ["7", "9", "7"]
        assert take(first[1]) == "9", "a worker keeps its device"
        first[1].shutdown()
        (again,) = workers(1)
        first.append(again)
        assert take(again) == "9"
    finally:
        for one in first:
            one.shutdown()


def test_device_of_another_machine_with_the_same_name_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7,9")
    taken = []
    for machine in ("one boot", "another boot"):
        monkeypatch.setattr(owner, "machine", lambda name=machine: name)
        monkeypatch.setattr(_gpu, "_held", held := [])
        taken.append((take_device(["7", "9"], tmp_path), held))
    assert [name for name, _ in taken] == ["7", "7"]
    for _, locks in taken:
        locks[0].release()
