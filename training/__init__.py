"""What train.py is made of: the data, the metrics and the files of one run."""
