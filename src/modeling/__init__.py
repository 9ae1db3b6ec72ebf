"""Encoders, how they are assembled with tasks into a checkpoint, trained and run; knows neither corpora nor DVC."""
