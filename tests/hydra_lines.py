"""What an application or a test says to Hydra 1.3 and to 1.4, for the same."""

from typing import Any

from hydra_plugins.hydra_search.hydra_line import HAS_WHITELIST

# Of `@hydra.main` and `initialize_config_dir`: the defaults of the line that is installed.
TODAYS: dict[str, Any] = {} if HAS_WHITELIST else {"version_base": None}


def allowing(*whitelist: str) -> dict[str, Any]:
    """Return what `@hydra.main` needs for YAML to call what `whitelist` names. Under 1.3 it may call anything."""
    return {"execution_whitelist": whitelist} if HAS_WHITELIST else TODAYS
