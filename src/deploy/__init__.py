"""Deployment variants of a model, and their speed."""
