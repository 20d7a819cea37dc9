"""A Hydra callback that refuses what can't be run before the first job, under every sweeper."""

from hydra_plugins.hydra_search.hydra_line import scanned_once

scanned_once(__path__)
