"""From encoded inputs to logits, and from logits to predictions. `Checkpoint.predict` puts the steps together."""

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

Logits = Mapping[str, Sequence[np.ndarray]]  # per task, of all windows of all examples, in their order


@contextmanager
def predicting(checkpoint: Checkpoint) -> Iterator[PreTrainedModel]:
    """Gives the model as it predicts, without dropout and gradients, in its own precision; a copy where it trains."""
    model = checkpoint.model
    dtype = hardware.dtype(checkpoint.precision, model.device)
    was_training = model.training
    model.eval()
    cast = model if model.dtype == dtype else copy.deepcopy(model).to(dtype)  # else every batch casts the weights
    autocast = torch.autocast(model.device.type, dtype, enabled=dtype != torch.float32)  # as Trainer wraps it
    try:
        with torch.inference_mode(), autocast:
            yield cast
    finally:
        model.train(was_training)
        if cast is not model:
            vars(cast).clear()  # accelerate has put methods on it that refer to it, and so would keep its weights


def run(checkpoint: Checkpoint, encoded: Encoded, batch_size: int) -> Logits:
    """Runs the model, longest inputs first so that little is padding."""
    inputs = [window.inputs for windows in encoded.windows for window in windows]
    found: dict[str, dict[int, np.ndarray]] = {task.name: {} for task in checkpoint.tasks}
    with predicting(checkpoint) as model:

        def forward(batch: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
            return {name: values.float().cpu().numpy() for name, values in checkpoint.logits(batch, model).items()}

        for chosen, logits in longest_first(inputs, checkpoint.tokenizer, batch_size, model.device, forward):
            for name, values in logits.items():
                found[name].update(zip(chosen, values, strict=True))
    return {name: [values[i] for i in range(len(inputs))] for name, values in found.items()}


def decode(checkpoint: Checkpoint, encoded: Encoded, logits: Logits) -> list[Prediction]:
    """Turns logits into predictions; one per example and task, in the order of the examples."""
    per_task = [_decode(checkpoint, task, encoded, logits, checkpoint.settings) for task in checkpoint.tasks]
    return [row for rows in zip(*per_task, strict=True) for row in rows]


def calibrate(checkpoint: Checkpoint, encoded: Encoded, logits: Logits) -> dict[str, float]:
    """Chooses on validation the settings that the tasks leave open; puts them into the checkpoint and returns them."""
    chosen: dict[str, float] = {}
    for task in checkpoint.tasks:

        def decoded(changes: Mapping[str, float], task: Task = task) -> list[Prediction]:
            return _decode(checkpoint, task, encoded, logits, {**checkpoint.settings, **changes})

        chosen |= task.calibrate(decoded)
    checkpoint.settings.update(chosen)
    return chosen


def _decode(
    checkpoint: Checkpoint, task: Task, encoded: Encoded, logits: Logits, settings: Mapping[str, float]
) -> list[Prediction]:
    rows = []
    first = 0
    for example, windows in zip(encoded.examples, encoded.windows, strict=True):
        own = logits[task.name][first : first + len(windows)]
        rows.append(task.decode(own, windows, example, checkpoint.labels[task.name], settings))
        first += len(windows)
    return rows
