"""A job that leaves what no tracking server takes, each job another thing."""

import json
import os
import socket
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from hydra_plugins.hydra_trial import report
from tests.hydra_lines import allowing

WHITELIST = ["hydra_plugins.hydra_mlflow_callback.mlflow_callback.MLflowCallback"]


def link_to_nothing(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "absent")


def link_to_a_folder_elsewhere(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir(exist_ok=True)
    (folder.parent / "elsewhere/large").touch()
    (folder / "sub").mkdir()
    (folder / "sub/link").symlink_to(folder.parent / "elsewhere")


def unix_socket(folder: Path) -> None:
    with chdir(folder):  # the address of a socket is short
        socket.socket(socket.AF_UNIX).bind("socket")


def fifo(folder: Path) -> None:
    (folder / "sub").mkdir()
    os.mkfifo(folder / "sub/pipe")


def fifos_instead_of_files(folder: Path) -> None:
    for name in ("metrics.json", "dataset.json", "model.joblib", "input_example.parquet"):
        os.mkfifo(folder / name)


def name_that_is_no_text(folder: Path) -> None:
    (folder / os.fsdecode(b"\xff\xfe")).touch()


def long_path(folder: Path) -> None:
    """The deepest path that the system takes here is too long below the store's own folder."""
    deep = folder
    while len(str(deep)) + 250 < 4090:
        deep = deep / ("d" * 240)
        deep.mkdir()
    (deep / "file").touch()


def huge_step(folder: Path) -> None:
    report(0.5, 2**63)


def metrics_of_every_kind(folder: Path) -> None:
    (folder / "metrics.json").write_text(
        json.dumps({"n" * 300: 1, "n" * 301: 2, "\ud800": 3, "huge": 10**400, "a": {"b": float("nan")}, "deep": 4})
    )


def metrics_too_deep(folder: Path) -> None:
    (folder / "metrics.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000)


def dataset_too_long(folder: Path) -> None:
    (folder / "dataset.json").write_text(json.dumps({"name": "n" * 600, "digest": "d" * 60, "source": "\ud800"}))


def param_of_the_job_itself(folder: Path) -> None:
    import mlflow

    mlflow.log_param("oddity", "another")


def run_deleted(folder: Path) -> None:
    import mlflow

    mlflow.MlflowClient().delete_run(mlflow.active_run().info.run_id)


def damaged_record(folder: Path) -> None:
    (folder.parent / "0/.mlflow_run.json").write_text('{"name": ')


def plain(folder: Path) -> None:
    pass


ODDITIES: dict[str, Callable[[Path], None]] = {
    name: value for name, value in vars().items() if getattr(value, "__module__", "") == __name__
}


@hydra.main(config_path="odd", config_name="config", **allowing(*WHITELIST))
def main(cfg: DictConfig) -> float:
    ODDITIES[cfg.oddity](Path(HydraConfig.get().runtime.output_dir))
    return 0.75


if __name__ == "__main__":
    main()
