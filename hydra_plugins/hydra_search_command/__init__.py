"""The command beside a search: `hydra-search`, or `python -m hydra_plugins.hydra_search_command`."""
