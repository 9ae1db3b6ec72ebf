"""Training: fit, Trainer and callbacks, modes, resume state, health rules, model card."""
