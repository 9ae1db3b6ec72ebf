"""The interface of all models, with and without weights. Training, evaluation and tools use only this interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from src.core.records import Example, Prediction
from src.tasks.task import Task

if TYPE_CHECKING:
    import numpy as np
    import torch


class Model(Protocol):
    """A checkpoint with its tokenizer, or a list of idioms to match."""

    @property
    def labels(self) -> Mapping[str, Sequence[str]]:
        """{task: its label set, in the order of the logits}."""

    @property
    def tasks(self) -> list[Task]: ...

    @property
    def precision(self) -> str:
        """fp32, bf16 or fp16."""

    @property
    def weights(self) -> int:
        """The number of weights; 0 for a model without an encoder."""

    @property
    def is_plain(self) -> bool:
        """Says whether transformers can load the saved model without this project."""

    @property
    def summary(self) -> str:
        """A short description of the model."""

    def to(self, device: str) -> None:
        """Moves a trained model to a device, in its precision for predictions."""

    def predict(self, examples: Sequence[Example], batch_size: int) -> list[Prediction]:
        """Predicts every example with every task. Returns a row per example and task, in the order of the examples."""

    def outputs(self, examples: Sequence[Example]) -> list[np.ndarray]:
        """Returns the numbers behind the predictions, to compare two models."""

    def tensors(self) -> dict[str, torch.Tensor]:
        """Returns {name: weights}; empty for a model without weights."""

    def save(self, folder: Path) -> None:
        """Writes the files that `load` reads."""
