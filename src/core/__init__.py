"""Errors, files, params.yaml, Example and Prediction. Every package may use them. No torch."""
