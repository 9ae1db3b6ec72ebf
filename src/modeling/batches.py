"""Examples as batches of tensors: tokenised once, padded to the longest of their batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from src.modeling.checkpoint import Checkpoint
from src.records import Example
from src.tasks.alignment import Encoding, tokenize
from src.tasks.loss import IGNORED


@dataclass(frozen=True)
class Encoded:
    """Examples, and what a checkpoint's tokenizer made of each."""

    examples: Sequence[Example]
    encodings: Sequence[Encoding]


def encode(checkpoint: Checkpoint, examples: Sequence[Example]) -> Encoded:
    """Tokenises examples for a checkpoint."""
    with_words = "span" in checkpoint.labels
    return Encoded(examples, tokenize(examples, checkpoint.tokenizer, checkpoint.max_length, with_words=with_words))


def features(checkpoint: Checkpoint, encoded: Encoded) -> list[dict[str, Any]]:
    """Returns for each example its model inputs, its targets under the names of the tasks, and its length."""
    return [
        encoding.inputs
        | {task.name: task.encode(example, encoding, checkpoint.labels[task.name]) for task in checkpoint.tasks}
        | {"length": len(encoding.inputs["input_ids"])}
        for example, encoding in zip(encoded.examples, encoded.encodings, strict=True)
    ]


class Collator:
    """Pads features to one batch of tensors.

    Shape: inputs (B, T); targets, under the key `targets`, (B,) or (B, T) per task.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, tasks: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.tasks = tasks

    def __call__(self, features: Sequence[dict[str, Any]]) -> dict[str, Any]:
        names = [name for name in features[0] if name not in (*self.tasks, "length")]
        batch: dict[str, Any] = dict(
            self.tokenizer.pad([{name: row[name] for name in names} for row in features], return_tensors="pt")
        )
        width = batch["input_ids"].shape[1]
        batch["targets"] = {task: torch.tensor([_padded(row[task], width) for row in features]) for task in self.tasks}
        return batch


def _padded(target: int | list[int], width: int) -> int | list[int]:
    return target if isinstance(target, int) else target + [IGNORED] * (width - len(target))
