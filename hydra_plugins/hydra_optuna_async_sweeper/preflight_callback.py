"""Where the callback once was: a `_target_` or a whitelist that names it here goes on working."""

from hydra_plugins.hydra_preflight_callback.preflight_callback import PreflightCallback as PreflightCallback
