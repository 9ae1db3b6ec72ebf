"""Finished runs: paths of results, experiments of DVC, systems as files of predictions, checks."""
