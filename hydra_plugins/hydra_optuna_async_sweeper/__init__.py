"""A Hydra sweeper that searches with Optuna, and keeps every worker busy."""

from hydra_plugins import hydra_joblib_launcher
from hydra_plugins.hydra_search.hydra_line import scanned_once

scanned_once([*__path__, *hydra_joblib_launcher.__path__])
