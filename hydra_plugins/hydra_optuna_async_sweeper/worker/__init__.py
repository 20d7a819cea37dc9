"""One worker: claims a trial, makes its job, runs it, closes it, and claims the next."""
