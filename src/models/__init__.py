"""Encoders, and how they are assembled with tasks into a model that predicts; knows neither corpora nor DVC."""
