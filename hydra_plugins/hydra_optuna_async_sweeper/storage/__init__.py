"""Where the study lives: a journal file unless told otherwise, a database, or any storage of Optuna."""
