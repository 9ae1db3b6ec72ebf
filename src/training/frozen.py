"""Mode `frozen`: the encoder runs once over each input, and only the head is trained, on the cached hidden states."""

from __future__ import annotations

import inspect
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from src.core.config import TrainParams
from src.core.user_errors import UserError
from src.models import backbone, hardware
from src.models.batches import Encoded, longest_first
from src.models.checkpoint import Checkpoint
from src.models.inference import predicting

MIB = 2**20
CHECKED = 2  # inputs that test whether the head reads only the last hidden states
NEAR = 0.01  # tolerance for rounding in different batches; if a head reads other states, logits differ more


class States:
    """A cache of last hidden states. The inputs themselves are the keys, so batches can be composed freely.

    Up to `memory` MiB are kept in memory. Larger caches are in a temporary file, which is deleted with the process.
    """

    def __init__(self, subwords: int, width: int, dtype: torch.dtype, memory: int) -> None:
        self.places: dict[bytes, slice] = {}
        self.used = 0
        size = subwords * width * dtype.itemsize / MIB
        if size <= memory:
            self.states = torch.empty(subwords, width, dtype=dtype)
        else:
            shape = (subwords, width * dtype.itemsize)  # in bytes: numpy has no bf16
            self.states = torch.from_numpy(np.memmap(_file(size, memory), np.uint8, "w+", shape=shape)).view(dtype)

    def __deepcopy__(self, memo: object) -> States:
        return self  # a copy of the model in another precision reads the same states

    def add(self, inputs: Mapping[str, torch.Tensor], states: torch.Tensor) -> None:
        """Stores the states of a batch. Shape: inputs (B, T), states (B, T, H)."""
        rows = states.to(self.states.dtype).cpu()
        for key, row, mask in zip(_keys(inputs), rows, inputs["attention_mask"].cpu().bool(), strict=True):
            place = slice(self.used, self.used + int(mask.sum()))
            self.states[place] = row[mask]
            self.places[key] = place
            self.used = place.stop

    def of(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Returns the stored states, with zeros for padding. Shape: inputs (B, T); (B, T, H)."""
        mask = inputs["attention_mask"].bool()
        rows = torch.cat([self.states[self.places[key]] for key in _keys(inputs)]).to(mask.device)
        states = rows.new_zeros(*mask.shape, rows.shape[-1])
        states[mask] = rows
        return states


def _file(size: float, memory: int) -> Any:
    free = shutil.disk_usage(tempfile.gettempdir()).free / MIB
    if size > free:
        raise UserError(
            f"train.mode: frozen: the encoder's states take {size:.0f} MiB, more than train.cache_mib: {memory} and "
            f"the {free:.0f} MiB of free disk in {tempfile.gettempdir()}; set TMPDIR to a folder on a larger disk, "
            "or set mode: lora"
        )
    return tempfile.TemporaryFile()


def _keys(inputs: Mapping[str, Any]) -> Iterator[bytes]:
    """Yields a key per input, which does not depend on padding."""
    masks = inputs["attention_mask"].cpu().numpy().astype(bool)
    tables = [inputs[name].cpu().numpy() for name in ("input_ids", "token_type_ids") if inputs.get(name) is not None]
    for row, mask in enumerate(masks):
        yield b"".join(table[row][mask].tobytes() for table in tables)


class Cache(nn.Module):
    """Replaces an encoder and returns its cached states. It keeps the pooler, which is trained with the head."""

    def __init__(self, encoder: PreTrainedModel, states: States) -> None:
        super().__init__()
        self.signature = inspect.signature(encoder.forward)
        self.pooler = getattr(encoder, "pooler", None)
        self.states = states

    def forward(self, *args: Any, **kwargs: Any) -> BaseModelOutputWithPooling:
        return backbone.output(self, self.states.of(self.signature.bind_partial(*args, **kwargs).arguments))


def freeze(checkpoint: Checkpoint, encoded: Sequence[Encoded], params: TrainParams) -> States:
    """Freezes the encoder, runs it over all inputs like `predict`, and returns its last hidden states.

    Raises:
        UserError: the states do not fit into memory or on the disk, or the head reads more than the last states.
    """
    backbone.freeze_encoders(checkpoint.model)
    checkpoint.model.to(hardware.device(params.device))
    inputs = [window.inputs for part in encoded for windows in part.windows for window in windows]
    with predicting(checkpoint) as model:
        _check(checkpoint, model, inputs[:CHECKED])
        return _states(checkpoint, model, inputs, params.batch_size, params.cache_mib)


def _states(
    checkpoint: Checkpoint, model: PreTrainedModel, inputs: Sequence[Mapping[str, Any]], batch_size: int, memory: int
) -> States:
    (encoder,) = backbone.encoders(model).values()
    subwords = sum(len(row["input_ids"]) for row in inputs)
    states = States(subwords, encoder.config.hidden_size, model.dtype, memory)

    def forward(batch: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        return batch, encoder(**batch).last_hidden_state.cpu()

    for _, batch_and_states in longest_first(inputs, checkpoint.tokenizer, batch_size, model.device, forward):
        states.add(*batch_and_states)
    return states


def _check(checkpoint: Checkpoint, model: PreTrainedModel, rows: Sequence[Mapping[str, Any]]) -> None:
    (encoder,) = backbone.encoders(model).values()
    states = _states(checkpoint, model, rows, CHECKED, memory=sys.maxsize)
    inputs = checkpoint.tokenizer.pad(list(rows), return_tensors="pt").to(model.device)
    expected = checkpoint.logits(inputs, model)
    with backbone.replaced(encoder, Cache(encoder, states).forward):
        cached = checkpoint.logits(inputs, model)
    for task in checkpoint.tasks:
        unpadded = slice(None) if task.pooled else inputs["attention_mask"].bool()
        a, b = cached[task.name], expected[task.name]
        if a.shape != b.shape or not torch.allclose(a[unpadded], b[unpadded], rtol=NEAR, atol=NEAR):
            raise UserError(
                f"train.mode: frozen cannot be used with a {type(checkpoint.model).__name__}, because its head reads "
                "more than the encoder's last states; set mode: lora or full"
            )
