"""Mode `frozen`: the encoder runs once over each input, and the head learns from the states that it left."""

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
CHECKED = 2  # inputs on which it is seen that a head looks at nothing but these states
NEAR = 0.01  # in other batches a GPU rounds otherwise; a head that sees other states is far off


class States:
    """The last hidden states of inputs, found by the inputs themselves, so that batches may be made in any way.

    Up to `memory` MiB are held in memory, more than that in a temporary file, which is gone with the process.
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
        """Keeps the states of a batch. Shape: inputs (B, T), states (B, T, H)."""
        rows = states.to(self.states.dtype).cpu()
        for key, row, mask in zip(_keys(inputs), rows, inputs["attention_mask"].cpu().bool(), strict=True):
            place = slice(self.used, self.used + int(mask.sum()))
            self.states[place] = row[mask]
            self.places[key] = place
            self.used = place.stop

    def of(self, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Returns what was kept, and zeros where there is padding. Shape: inputs (B, T); (B, T, H)."""
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
            f"the {free:.0f} MiB that are free in {tempfile.gettempdir()}; point TMPDIR to a larger disk, or mode: lora"
        )
    return tempfile.TemporaryFile()


def _keys(inputs: Mapping[str, Any]) -> Iterator[bytes]:
    """What tells one input from another, padding aside."""
    masks = inputs["attention_mask"].cpu().numpy().astype(bool)
    tables = [inputs[name].cpu().numpy() for name in ("input_ids", "token_type_ids") if inputs.get(name) is not None]
    for row, mask in enumerate(masks):
        yield b"".join(table[row][mask].tobytes() for table in tables)


class Cache(nn.Module):
    """Stands where an encoder was, and returns the states that it left; has its pooler, which belongs to the head."""

    def __init__(self, encoder: PreTrainedModel, states: States) -> None:
        super().__init__()
        self.signature = inspect.signature(encoder.forward)
        self.pooler = getattr(encoder, "pooler", None)
        self.states = states

    def forward(self, *args: Any, **kwargs: Any) -> BaseModelOutputWithPooling:
        return backbone.output(self, self.states.of(self.signature.bind_partial(*args, **kwargs).arguments))


def freeze(checkpoint: Checkpoint, encoded: Sequence[Encoded], params: TrainParams) -> States:
    """Keeps the encoder from learning, and runs it over all inputs, as `predict` would; returns what it left.

    Raises:
        UserError: the states take more room than there is, or the head sees more of the encoder than its states.
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

    for _, found in longest_first(inputs, checkpoint.tokenizer, batch_size, model.device, forward):
        states.add(*found)
    return states


def _check(checkpoint: Checkpoint, model: PreTrainedModel, few: Sequence[Mapping[str, Any]]) -> None:
    (encoder,) = backbone.encoders(model).values()
    states = _states(checkpoint, model, few, CHECKED, memory=sys.maxsize)
    inputs = checkpoint.tokenizer.pad(list(few), return_tensors="pt").to(model.device)
    whole = checkpoint.logits(inputs, model)
    with backbone.replaced(encoder, Cache(encoder, states).forward):
        found = checkpoint.logits(inputs, model)
    for task in checkpoint.tasks:
        real = slice(None) if task.pooled else inputs["attention_mask"].bool()
        one, other = found[task.name], whole[task.name]
        if one.shape != other.shape or not torch.allclose(one[real], other[real], rtol=NEAR, atol=NEAR):
            raise UserError(
                f"train.mode: frozen cannot be used with a {type(checkpoint.model).__name__}, whose head sees more "
                "than the encoder's last states; set mode: lora or full"
            )
