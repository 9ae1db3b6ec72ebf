"""The search for hyper-parameters: the rounds, the study, the objective, the tables of trials."""
