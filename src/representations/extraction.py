"""States of an encoder, layer by layer, over some examples."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from src.core.records import Example
from src.core.user_errors import UserError, unknown_name
from src.models import backbone, hardware
from src.models.batches import encode, longest_first
from src.models.checkpoint import Checkpoint
from src.models.pooling import Pooling
from src.representations import states_file
from src.representations.states_file import About, Representations

MIB = 2**20
POOLING = "mean"


def choose(examples: Sequence[Example], count: int) -> list[Example]:
    """Chooses examples by the hashes of their ids: the same in every run, and fewer are the first of more."""
    return sorted(examples, key=lambda example: _sha256(example.id))[:count]


class Extraction:
    """An encoder of a checkpoint, and the examples whose states are wanted.

    Args:
        model: what the checkpoint is called in the file.
        start: what its training starts from, as encoders.start names it; None: unknown.
        task: of a joint model with separate encoders, whose encoder; None: that of cls.

    Raises:
        UserError: the model has no encoder, or none for this task alone.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        examples: Sequence[Example],
        model: str,
        task: str | None = None,
        start: str | None = None,
    ) -> None:
        found = backbone.encoders(checkpoint.model)
        name = checkpoint.model.base_model_prefix if task is None else f"encoders.{task}"
        if name not in found:
            own = [other.removeprefix("encoders.") for other in found if other.startswith("encoders.")]
            raise unknown_name("task with an encoder of its own", str(task), own or ["(none in this model)"])
        self.checkpoint = checkpoint
        self.encoder: PreTrainedModel = found[name].base_model  # that of a verbalizer has a head on it
        self.windows = [[window.inputs for window in windows] for windows in encode(checkpoint, examples).windows]
        self.about = About(
            model=model,
            start=start,
            encoder=name,
            architecture=self.encoder.config.model_type,
            pooling=POOLING,
            precision="fp32",
            ids=[example.id for example in examples],
            texts=_sha256([[example.id, example.text, example.text_pair] for example in examples]),
            inputs=_sha256([[window["input_ids"] for window in windows] for windows in self.windows]),
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Samples, layers and the output of the embeddings, hidden width."""
        config = self.encoder.config
        return len(self.windows), config.num_hidden_layers + 1, config.hidden_size

    def check(self, budget_mib: float, files: int, key: str) -> None:
        """Refuses what would take too much room, before any state is computed.

        Args:
            files: how many there will be.
            key: what sets the budget, for the message.

        Raises:
            UserError: the files would be larger than the budget.
        """
        size = files * states_file.size(self.shape, self.about) / MIB
        if size > budget_mib:
            samples, layers, width = self.shape
            raise UserError(
                f"representations would take {size:.2f} MiB ({f'{files} files of ' if files > 1 else ''}{samples} "
                f"examples x {layers} layers x {width} numbers of 4 bytes), more than {key}: {budget_mib:g}; raise it, "
                "or take fewer examples"
            )

    @torch.inference_mode()
    def run(self, batch_size: int, step: int | None = None) -> Representations:
        """Runs the encoder, without dropout and in fp32, not TF32, whatever its model learns in: rounding is no drift.

        The state of an example is the mean over its sub-words, special ones among them; where it is read in several
        windows, over all that these hold.

        Args:
            batch_size: inputs per forward pass, the longest first, so that little is padding.
            step: of training, for the metadata.

        Raises:
            UserError: the encoder does not show the states of its layers.
        """
        samples = np.array([sample for sample, windows in enumerate(self.windows) for _ in windows])
        inputs = [window for windows in self.windows for window in windows]
        lengths = np.array([len(window["input_ids"]) for window in inputs])
        sums, counts = np.zeros(self.shape), np.zeros(len(self.windows))
        was_training = self.encoder.training
        self.encoder.eval()
        with hardware.without_tf32():
            for chosen, means in longest_first(
                inputs, self.checkpoint.tokenizer, batch_size, self.encoder.device, self._means
            ):
                np.add.at(sums, samples[chosen], means * lengths[chosen, None, None])
                np.add.at(counts, samples[chosen], lengths[chosen])
        self.encoder.train(was_training)
        states = (sums / counts[:, None, None]).astype(np.float32)
        return Representations(states, replace(self.about, step=step))

    def _means(self, inputs: Mapping[str, torch.Tensor]) -> np.ndarray:
        """Shape: inputs (B, T) to (B, layers + 1, H)."""
        states = self.encoder(**inputs, output_hidden_states=True).hidden_states
        _, layers, width = self.shape
        expected = (*inputs["input_ids"].shape, width)
        if states is None or len(states) != layers or any(layer.shape != expected for layer in states):
            raise UserError(
                f"a {type(self.encoder).__name__} does not show the states of its {layers - 1} layers one by one; "
                "they cannot be represented"
            )
        pooling = Pooling(POOLING, width)
        means = [pooling(layer.float(), inputs["attention_mask"]) for layer in states]
        return torch.stack(means, dim=1).cpu().numpy()


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
