"""Fixtures of tests/models: tiny checkpoints of several architectures, and parameters of a short run."""

from tests.models.conftest import local_models, make, train_params

__all__ = ["local_models", "make", "train_params"]
