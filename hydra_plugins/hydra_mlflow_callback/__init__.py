"""A Hydra callback that records searches in MLflow: one parent run, one nested run per job."""

from hydra_plugins.hydra_search.hydra_line import scanned_once

scanned_once(__path__)
