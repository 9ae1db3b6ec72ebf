"""Extraction of the hidden states of an encoder, layer by layer, for some examples."""

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
    """Selects the `count` examples with the smallest hashes of their ids, so every run selects the same examples."""
    return sorted(examples, key=lambda example: _sha256(example.id))[:count]


class Extraction:
    """An encoder of a checkpoint, and the examples whose states are extracted.

    Args:
        model: name of the checkpoint in the file.
        start: name of the weights that its training starts from, see encoders.start; None: unknown.
        task: the task whose encoder is used, in a joint model with separate encoders; None: the encoder of cls.

    Raises:
        UserError: the model has no separate encoder for this task.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        examples: Sequence[Example],
        model: str,
        task: str | None = None,
        start: str | None = None,
    ) -> None:
        encoders = backbone.encoders(checkpoint.model)
        name = checkpoint.model.base_model_prefix if task is None else f"encoders.{task}"
        if name not in encoders:
            separate = [other.removeprefix("encoders.") for other in encoders if other.startswith("encoders.")]
            raise unknown_name("task with a separate encoder", str(task), separate or ["(none in this model)"])
        self.checkpoint = checkpoint
        self.encoder: PreTrainedModel = encoders[name].base_model  # the encoder of a verbalizer has a head
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
        """Number of samples; number of layers, plus 1 for the embeddings; hidden width."""
        config = self.encoder.config
        return len(self.windows), config.num_hidden_layers + 1, config.hidden_size

    def check(self, budget_mib: float, files: int, key: str) -> None:
        """Checks the size of the files before any state is computed.

        Args:
            files: number of files.
            key: the parameter or option that sets the budget, for the message.

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
        """Runs the encoder without dropout and always in fp32, not TF32, so that rounding does not look like drift.

        The state of an example is the mean over the sub-words of all its windows, special tokens included.

        Args:
            batch_size: inputs per forward pass; inputs are sorted by length, longest first, to reduce padding.
            step: the training step, for the metadata.

        Raises:
            UserError: the encoder does not return the states of its layers.
        """
        samples = np.array([sample for sample, windows in enumerate(self.windows) for _ in windows])
        inputs = [window for windows in self.windows for window in windows]
        lengths = np.array([len(window["input_ids"]) for window in inputs])
        sums, counts = np.zeros(self.shape), np.zeros(len(self.windows))
        was_training = self.encoder.training
        self.encoder.eval()
        with hardware.without_tf32():
            for rows, means in longest_first(
                inputs, self.checkpoint.tokenizer, batch_size, self.encoder.device, self._means
            ):
                np.add.at(sums, samples[rows], means * lengths[rows, None, None])
                np.add.at(counts, samples[rows], lengths[rows])
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
                f"a {type(self.encoder).__name__} does not return the states of its {layers - 1} layers one by one, "
                "so they cannot be extracted; use another model"
            )
        pooling = Pooling(POOLING, width)
        means = [pooling(layer.float(), inputs["attention_mask"]) for layer in states]
        return torch.stack(means, dim=1).cpu().numpy()


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
