"""Training: fit, its Trainer and callbacks, modes, resuming, health rules, the model card."""
