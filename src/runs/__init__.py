"""Finished runs: where results lie, DVC's experiments, systems as files of predictions, checks."""
