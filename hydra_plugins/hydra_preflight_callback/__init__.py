"""A Hydra callback that refuses what can't be run before the first job, under every sweeper."""
