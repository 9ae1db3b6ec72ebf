"""What the tests of tasks borrow from those of models: tokenizers, and the models they belong to."""

from tests.models.conftest import local_models

__all__ = ["local_models"]
