"""From predictions to numbers: scores, intervals, baselines; reads Prediction rows and never imports torch."""
