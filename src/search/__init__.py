"""The search for hyper-parameters: the space, the study, its trials."""
