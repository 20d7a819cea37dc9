"""The search space: from entries in YAML and the command line to parameters that Optuna can suggest."""
