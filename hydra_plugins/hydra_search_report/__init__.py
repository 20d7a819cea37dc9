"""What a search found, as a page, a table and a summary: from its facts and its Optuna trials."""
