"""Which GPU a worker uses. CUDA fixes its devices at first use, so a device belongs to a worker, not to a job."""

import logging
import os
import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hydra_search.errors import bad_input

if TYPE_CHECKING:
    from filelock import FileLock  # the options of this package name `gpu_count`, and load nothing heavy

log = logging.getLogger(__name__)

VARIABLE = "CUDA_VISIBLE_DEVICES"
DEVICE_FILES = Path("/dev")

_held: list["FileLock"] = []


def visible_devices() -> list[str]:
    """Return the names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES writes them."""
    listed = os.environ.get(VARIABLE)
    if listed is not None:
        names = [name.strip() for name in listed.split(",")]
        return [name for name in names if name not in ("", "-1", "NoDevFiles")]
    # In a container, device files are there for its own GPUs only, and CUDA counts these from 0.
    found = [path for path in DEVICE_FILES.glob("nvidia*") if re.fullmatch(r"nvidia\d+", path.name)]
    return [str(number) for number in range(len(found))]


def gpu_count() -> int:
    """Return how many workers the GPUs of this machine can feed; 1 without any. The resolver `${gpu_count:}`."""
    return max(1, len(visible_devices()))


def devices_of(devices: object) -> tuple[str, ...] | None:
    """Return the GPUs to share out; none for those that each worker sees."""
    if devices is None or devices == "auto":
        return None if devices is None else ()
    if not isinstance(devices, list) or not devices or any(isinstance(name, (bool, float)) for name in devices):
        rule = "must be null, auto, or a list of GPUs"
        raise bad_input("hydra.sweeper.devices", devices, rule, "Set hydra.sweeper.devices=auto, or =[0,1].")
    return tuple(map(str, devices))


def take_device(devices: Sequence[str], folder: Path) -> str | None:
    """Make one GPU the only one that this process sees, shared with as few other workers as possible.

    A lock file for each place on a device is held until this process ends, however it ends.

    Args:
        devices: to choose from; empty: those that this process sees.
        folder: of the lock files, common to the workers of a search.

    Returns:
        the device; None if there is none to choose.
    """
    from filelock import FileLock, Timeout

    from hydra_plugins.hydra_search.owner import machine

    # Names of hosts repeat, and so do those of devices in two containers of one.
    here = sha256(machine().encode()).hexdigest()[:12]
    names = list(devices) or visible_devices()
    if not names or _held:
        return os.environ.get(VARIABLE)
    for place in count():
        for name in names:
            lock = FileLock(folder / f".device-{here}-{name.replace('/', '_')}.{place}.lock")
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
            _held.append(lock)
            os.environ[VARIABLE] = name
            log.info(f"This worker uses GPU {name}." + (f" {place} others share it." if place else ""))
            return name
    return None
