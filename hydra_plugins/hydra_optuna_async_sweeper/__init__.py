"""Searches with Optuna. For now: what is checked before one of upstream's sweepers starts."""
