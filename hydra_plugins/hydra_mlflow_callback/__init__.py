"""A Hydra callback that records searches in MLflow: one parent run, one nested run per job."""
