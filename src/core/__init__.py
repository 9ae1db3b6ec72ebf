"""What every other package may use: errors, files, params.yaml, Example and Prediction. No torch."""
