"""What a launcher is given for a worker: an item like a job's, but it makes no directory and no log file."""

import pickle
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from hydra._internal.callbacks import Callbacks
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from ._composition import QuicklyCopied, set_class

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader

NO_LOGGING = {"version": 1, "root": None, "disable_existing_loggers": False}


class ItemLoader:
    """Stands for Hydra's loader in front of a launcher, which asks it for the configuration of each item.

    Nothing is composed: a worker needs the sweep's own configuration, and perhaps runs where the files are not.
    """

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: Sequence[str]) -> DictConfig:
        """Return a copy of the sweep's configuration; overrides of items are not expected."""
        item: DictConfig = pickle.loads(pickle.dumps(master_config))  # noqa: S301  # our own
        OmegaConf.set_readonly(item.hydra, None)  # as in a job's configuration
        # A worker makes no folder, neither where its node happened to start it nor one that is missing on its machine.
        item.hydra.sweep.dir = item.hydra.sweep.subdir = "."
        item.hydra.output_subdir = None
        item.hydra.job_logging = NO_LOGGING
        set_class(item.hydra, QuicklyCopied)
        set_class(item, QuicklyCopied)
        return item


def item_context(context: HydraContext) -> HydraContext:
    """Return the context for a launcher of workers: no callback sees them."""
    loader = cast("ConfigLoader", ItemLoader())  # the only method that launchers call
    return HydraContext(loader, Callbacks(), execution_whitelist=context.execution_whitelist)
