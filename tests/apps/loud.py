"""A job that writes to its output in all the ways there are, and then does what it is told."""

import ctypes
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore

from hydra_plugins.hydra_trial import trial_number
from tests.hydra_lines import TODAYS, allowing

log = logging.getLogger(__name__)


@dataclass
class Config:
    x: float = 0.5
    deed: str = ""


ConfigStore.instance().store(name="config", node=Config)


def say(words: str) -> None:
    print(words, "of a process", flush=True)


def write(number: int) -> None:
    print(f"{number} print")
    print(f"{number} stderr", file=sys.stderr)
    log.info(f"{number} logging")
    warnings.warn(f"{number} warning", stacklevel=1)
    os.write(1, f"{number} descriptor 1\n".encode())
    os.write(2, f"{number} descriptor 2\n".encode())
    ctypes.CDLL(None).puts(f"{number} puts".encode())
    subprocess.run(["echo", f"{number} child"], check=True)
    context: Any = multiprocessing.get_context("fork")
    with context.Pool(1) as pool:
        pool.map(say, [str(number)])


@hydra.main(config_path=None, config_name="config", **(allowing() or TODAYS))
def main(cfg: Config) -> float:
    number = trial_number() or 0
    write(number)
    if cfg.deed == "raise" and number == 1:
        raise RuntimeError("of the job,\nin two lines")
    if cfg.deed == "close descriptors":
        os.closerange(1, 3)
    if cfg.deed == "close streams":
        sys.stdout.close()
        sys.stderr.close()
    if cfg.deed == "kill" and number == 1:
        print("1 the last words")
        os.kill(os.getpid(), signal.SIGKILL)
    if cfg.deed == "hang" and number == 1:
        print("1 the last words")
        time.sleep(60)
    return cfg.x


if __name__ == "__main__":
    main()
