"""The options of this package in Hydra's ConfigStore.

A YAML option named like an entry here replaces it and drops its schema. So what `conf/` refines is registered as
`<name>_schema`; an option lists the schema first in its defaults, then `_self_`.
"""

from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra_plugins.hydra_joblib_launcher.config import JobLibLauncherConf
from hydra_plugins.hydra_optuna_sweeper.config import OptunaSweeperConf

PROVIDER = "hydra_optuna_async_sweeper"


@dataclass
class PreflightCallbackConf:
    """Checks the search before its first job. Listed before other callbacks, it also keeps these from starting."""

    _target_: str = "hydra_plugins.hydra_optuna_async_sweeper.preflight_callback.PreflightCallback"

    # the application's own check of a job's config, called before the first job:
    # {_target_: train.check, _partial_: true}, a function of the config that raises ValueError or OSError
    check: Any = None

    # name, or list of names, of what the job returns; as many as there are directions
    metric: Any = None

    # seconds after which the search should stop; refused where the sweeper has no such setting
    timeout: Any = None


_store = ConfigStore.instance().store
for _name in ("preflight", "preflight_schema"):
    _store(group="hydra/callbacks", name=_name, node={"preflight": PreflightCallbackConf}, provider=PROVIDER)
_store(group="hydra/sweeper", name="optuna_schema", node=OptunaSweeperConf, provider=PROVIDER)
_store(group="hydra/launcher", name="joblib_schema", node=JobLibLauncherConf, provider=PROVIDER)
