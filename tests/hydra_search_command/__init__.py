"""Tests of hydra_search_command."""
