"""Turns encoded inputs into logits, and logits into predictions. `Checkpoint.predict` combines the steps."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import PreTrainedModel

from src.core.records import Prediction
from src.models import hardware
from src.models.batches import Encoded, longest_first
from src.tasks.task import Task

if TYPE_CHECKING:
    from src.models.checkpoint import Checkpoint

Logits = Mapping[str, Sequence[np.ndarray]]  # {task: logits of all windows of all examples, in order}


@contextmanager
def predicting(checkpoint: Checkpoint) -> Iterator[PreTrainedModel]:
    """Yields the model for predictions: no dropout, no gradients, its own precision. If needed, it is a cast copy."""
    model = checkpoint.model
    dtype = hardware.dtype(checkpoint.precision, model.device)
    was_training = model.training
    model.eval()
    cast = model if model.dtype == dtype else copy.deepcopy(model).to(dtype)  # otherwise every batch casts the weights
    autocast = torch.autocast(model.device.type, dtype, enabled=dtype != torch.float32)  # as in Trainer
    try:
        with torch.inference_mode(), autocast:
            yield cast
    finally:
        model.train(was_training)
        if cast is not model:
            vars(cast).clear()  # frees the weights: methods from accelerate refer to the copy


def run(checkpoint: Checkpoint, encoded: Encoded, batch_size: int) -> Logits:
    """Runs the model, longest inputs first, so that there is little padding."""
    inputs = [window.inputs for windows in encoded.windows for window in windows]
    by_position: dict[str, dict[int, np.ndarray]] = {task.name: {} for task in checkpoint.tasks}
    with predicting(checkpoint) as model:

        def forward(batch: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
            return {name: values.float().cpu().numpy() for name, values in checkpoint.logits(batch, model).items()}

        for positions, logits in longest_first(inputs, checkpoint.tokenizer, batch_size, model.device, forward):
            for name, values in logits.items():
                by_position[name].update(zip(positions, values, strict=True))
    return {name: [values[i] for i in range(len(inputs))] for name, values in by_position.items()}


def decode(checkpoint: Checkpoint, encoded: Encoded, logits: Logits) -> list[Prediction]:
    """Turns logits into predictions: one per example and task, in the order of the examples."""
    per_task = [_decode(checkpoint, task, encoded, logits, checkpoint.settings) for task in checkpoint.tasks]
    return [row for rows in zip(*per_task, strict=True) for row in rows]


def calibrate(checkpoint: Checkpoint, encoded: Encoded, logits: Logits) -> dict[str, float]:
    """Chooses the settings that depend on validation. Stores them in the checkpoint and returns them."""
    settings: dict[str, float] = {}
    for task in checkpoint.tasks:

        def decoded(changes: Mapping[str, float], task: Task = task) -> list[Prediction]:
            return _decode(checkpoint, task, encoded, logits, {**checkpoint.settings, **changes})

        settings |= task.calibrate(decoded)
    checkpoint.settings.update(settings)
    return settings


def _decode(
    checkpoint: Checkpoint, task: Task, encoded: Encoded, logits: Logits, settings: Mapping[str, float]
) -> list[Prediction]:
    rows = []
    first = 0
    for example, windows in zip(encoded.examples, encoded.windows, strict=True):
        of_example = logits[task.name][first : first + len(windows)]
        rows.append(task.decode(of_example, windows, example, checkpoint.labels[task.name], settings))
        first += len(windows)
    return rows
