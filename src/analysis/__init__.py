"""From predictions to numbers: scores and intervals. This package reads Prediction rows and never imports torch."""
