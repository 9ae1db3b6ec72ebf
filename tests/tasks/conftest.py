"""What the tests of tasks borrow from those of modeling: tokenizers, and the models they belong to."""

from tests.modeling.conftest import local_models

__all__ = ["local_models"]
