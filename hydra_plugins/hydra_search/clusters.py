"""A cluster that a launcher needs: where it is not there this is said at once; launchers learn it late."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from .errors import bad_input, one_line
from .urls import SECONDS_TO_CONNECT, masked

SECONDS_TO_ANSWER = 30.0
SLURM, RAY = ".SlurmLauncher", ".RayLauncher"
# Where `ray start` notes the address that `auto` means.
RAY_NOTE = Path("/tmp/ray/ray_current_cluster")  # noqa: S108  # Ray's own place


def refuse_absent_cluster(config: DictConfig) -> None:
    """Refuse Slurm where nobody takes its jobs, and the address of a Ray cluster where nobody listens.

    Raises:
        BadInput: what is missing, and what works without it.
    """
    target = str(config.hydra.launcher._target_)
    if target.endswith(SLURM):
        _refuse_without_slurm(str(config.hydra.runtime.choices.get("hydra/launcher")))
    if target.endswith(RAY):
        try:
            address = OmegaConf.select(config, "hydra.launcher.ray.init.address")
        except OmegaConfBaseException:  # said where the launcher is made
            return
        _refuse_without_ray(address)


def _refuse_without_slurm(option: str) -> None:
    remedy = "Start the search on a node of the cluster; hydra/launcher=submitit_local does without Slurm."
    if shutil.which("sbatch") is None:
        raise bad_input("hydra/launcher", option, "needs Slurm's sbatch, which is not on this machine", remedy)
    sinfo = shutil.which("sinfo")
    if sinfo is None:
        return
    try:
        asked = subprocess.run(  # noqa: S603  # arguments are ours
            [sinfo, "--noheader"], capture_output=True, text=True, timeout=SECONDS_TO_ANSWER
        )
    except subprocess.TimeoutExpired:
        raise bad_input("hydra/launcher", option, "needs Slurm, which does not answer (sinfo)", remedy) from None
    if asked.returncode:
        reason = one_line(asked.stderr.strip().rpartition("\n")[2])
        raise bad_input("hydra/launcher", option, f"needs Slurm, which does not answer ({reason})", remedy)


def _refuse_without_ray(address: object) -> None:
    """Refuse an address without a listener; None and `local` start a Ray of their own."""
    if not isinstance(address, str) or address == "local":
        return
    key, remedy = "hydra.launcher.ray.init.address", "hydra/launcher=ray starts one on this machine."
    if address == "auto":
        known = os.environ.get("RAY_ADDRESS") or (RAY_NOTE.read_text().strip() if RAY_NOTE.is_file() else "")
        if not known and "raylet" not in _process_names():
            rule = "no Ray cluster runs on this machine"
            raise bad_input(key, address, rule, f"Set RAY_ADDRESS=HOST:PORT; {remedy}")
        address = known
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():  # Ray's own forms, for Ray to read
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_CONNECT).close()
    except (OSError, OverflowError) as error:
        rule = f"no Ray cluster answers there ({error})"
        raise bad_input(key, masked(address), rule, f"Start it, or correct RAY_ADDRESS; {remedy}") from error


def _process_names() -> Iterator[str]:
    import psutil

    return (str(process.info["name"]) for process in psutil.process_iter(["name"]))
