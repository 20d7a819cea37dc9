"""The user's function that suggests more parameters: upstream's `custom_search_space`."""

from typing import TYPE_CHECKING, Any

from hydra.errors import HydraException
from hydra.utils import instantiate

from ._search_space import bad_input

if TYPE_CHECKING:
    from collections.abc import Callable

    from omegaconf import DictConfig
    from optuna.trial import Trial

KEY = "hydra.sweeper.custom_search_space"


def load_custom_space(path: str | None) -> "Callable[[DictConfig, Trial], None] | None":
    """Return the function; None if there is none.

    Raises:
        BadInput: it can't be imported, or is not in the execution whitelist.
    """
    if not path:
        return None
    try:
        function: Any = instantiate({"_target_": path, "_partial_": True})  # Any: whatever the user's function is
    except HydraException as error:
        rule = " ".join(str(error.__cause__ or error).split()).rstrip(".")
        remedy = f"Name a function(config, trial) of an importable module, and write {path!r} into the whitelist: "
        remedy += "@hydra.main(execution_whitelist=[...])."
        raise bad_input(KEY, path, f"can't be used ({rule})", remedy) from error
    return function  # type: ignore[no-any-return]
