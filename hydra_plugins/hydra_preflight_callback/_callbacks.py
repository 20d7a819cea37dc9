"""Callbacks that Hydra could not make: it would end with a traceback, before any of them hears of a run.

The check is a resolver, since a value of the first callback is all that is looked at before the second one is made.
"""

import warnings

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hydra_plugins.hydra_search.errors import one_line
from hydra_plugins.hydra_search.hydra_line import instantiate
from hydra_plugins.hydra_search.settings import plain
from hydra_plugins.hydra_search.targets import targets


def check_callbacks(callbacks: DictConfig) -> None:
    """End the program if a callback's options can't be resolved, or name what may not be called. Nothing is called.

    Raises:
        SystemExit: with the message, see PreflightCallback.
    """
    for name in map(str, callbacks):
        try:
            _check(callbacks, name)
        except (OmegaConfBaseException, TypeError) as error:
            raise SystemExit(f"hydra.callbacks.{name}: can't be made. {one_line(error)}") from None
        except HydraException as error:
            allowed = "What may be called is @hydra.main(execution_whitelist=EXECUTION_WHITELIST) of the application."
            raise SystemExit(f"hydra.callbacks.{name}: can't be made. {str(error).splitlines()[0]} {allowed}") from None


def _check(callbacks: DictConfig, name: str) -> None:
    node = callbacks[name]
    if node is None:
        return
    if not OmegaConf.is_dict(node) or "_target_" not in node:
        raise TypeError(f"It must be a mapping with a _target_, got {plain(node)!r}.")
    content = {option: plain(node[option]) for option in node if option != "checked"}  # which is this very check
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Hydra says of each callback that there is no whitelist, where there is none
        for _, spec in targets(content):
            instantiate({"_target_": spec["_target_"], "_partial_": True})
