"""What a search found, as a page, a table and a summary: from its facts and its Optuna trials."""

from hydra_plugins.hydra_search.hydra_line import scanned_once

scanned_once(__path__)
