"""Mode `frozen`: the encoder runs once over each input, and the head learns from the states that it left."""

import inspect
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from src.config import TrainParams
from src.errors import UserError
from src.modeling import hardware, parts
from src.modeling.batches import Encoded
from src.modeling.checkpoint import Checkpoint

MIB = 2**20
NEAR = 0.01  # in other batches a GPU rounds otherwise; a head that sees other states is far off


class States:
    """The last hidden states of inputs, found by the inputs themselves, so that batches may be made in any way.

    Up to `memory` MiB are held in memory, more than that in a temporary file, which is gone with the process.
    """

    def __init__(self, encoder: PreTrainedModel, subwords: int, memory: int) -> None:
        self.encoder = encoder
        self.signature = inspect.signature(encoder.forward)
        self.places: dict[bytes, slice] = {}
        shape = (subwords, encoder.config.hidden_size)
        size = 4 * shape[0] * shape[1] / MIB
        if size <= memory:
            self.states = torch.empty(shape)
        else:
            self.states = torch.from_numpy(np.memmap(_file(size, memory), np.float32, "w+", shape=shape))
        self.used = 0

    def add(self, inputs: Mapping[str, torch.Tensor], states: torch.Tensor) -> None:
        """Keeps the states of a batch. Shape: inputs (B, T), states (B, T, H)."""
        rows = states.float().cpu()
        for key, row, mask in zip(_keys(inputs), rows, inputs["attention_mask"].cpu().bool(), strict=True):
            place = slice(self.used, self.used + int(mask.sum()))
            self.states[place] = row[mask]
            self.places[key] = place
            self.used = place.stop

    def forward(self, *args: Any, **kwargs: Any) -> BaseModelOutputWithPooling:
        """Stands in for the encoder's forward; where there is padding, states are zero."""
        inputs = self.signature.bind_partial(*args, **kwargs).arguments
        mask = inputs["attention_mask"].bool()
        rows = torch.cat([self.states[self.places[key]] for key in _keys(inputs)])
        states = torch.zeros(*mask.shape, rows.shape[-1], device=mask.device)
        states[mask] = rows.to(mask.device)
        return parts.output(self.encoder, states)


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


def freeze(checkpoint: Checkpoint, encoded: Sequence[Encoded], params: TrainParams) -> States:
    """Keeps the encoder from learning, and runs it over all inputs; returns what it left.

    Raises:
        UserError: the states take more room than there is, or the head sees more of the encoder than its states.
    """
    model = checkpoint.model
    parts.freeze_encoders(model)
    model.to(hardware.device())
    (encoder,) = parts.encoders(model).values()
    rows = [window.inputs for part in encoded for windows in part.windows for window in windows]
    rows.sort(key=lambda row: -len(row["input_ids"]))  # little is padding
    states = States(encoder, sum(len(row["input_ids"]) for row in rows), params.cache_mib)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for start in range(0, len(rows), params.batch_size):
            inputs = checkpoint.tokenizer.pad(rows[start : start + params.batch_size], return_tensors="pt")
            inputs = inputs.to(model.device)
            states.add(inputs, encoder(**inputs).last_hidden_state)
            if start == 0:
                _check(checkpoint, inputs, states)
    model.train(was_training)
    return states


def _check(checkpoint: Checkpoint, inputs: Mapping[str, torch.Tensor], states: States) -> None:
    whole = checkpoint.logits(inputs)
    with parts.replaced(states.encoder, states.forward):
        found = checkpoint.logits(inputs)
    for task in checkpoint.tasks:
        real = slice(None) if task.pooled else inputs["attention_mask"].bool()
        one, other = found[task.name], whole[task.name]
        if one.shape != other.shape or not torch.allclose(one[real], other[real], rtol=NEAR, atol=NEAR):
            raise UserError(
                f"train.mode: frozen cannot be used with a {type(checkpoint.model).__name__}, whose head sees more "
                "than the encoder's last states; set mode: lora or full"
            )
