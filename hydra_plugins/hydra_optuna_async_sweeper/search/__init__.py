"""One sweep: settings checked, trials queued, workers launched and watched, results written."""
