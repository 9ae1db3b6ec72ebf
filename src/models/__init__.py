"""Encoders, and models that combine an encoder with tasks. No corpora, no DVC."""
