"""One run of a scikit-learn model: its data, its metrics, its files."""
