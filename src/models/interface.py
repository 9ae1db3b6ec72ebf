"""What every model can do, whether it has weights or not. Training, evaluation and tools ask for nothing else."""

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
    """A checkpoint with its tokenizer, or a list of idioms that is matched."""

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
        """What the model is, in a few words."""

    def to(self, device: str) -> None:
        """Moves a trained model to a device, in the precision that it predicts in."""

    def predict(self, examples: Sequence[Example], batch_size: int) -> list[Prediction]:
        """Predicts every example with every task; returns a row per example and task, in the order of the examples."""

    def outputs(self, examples: Sequence[Example]) -> list[np.ndarray]:
        """Returns the numbers that the predictions follow from, to compare two models."""

    def tensors(self) -> dict[str, torch.Tensor]:
        """Returns all weights by name; empty for a model without weights."""

    def save(self, folder: Path) -> None:
        """Writes all that `load` reads."""
