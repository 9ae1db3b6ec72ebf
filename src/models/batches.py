"""Turns examples into batches of tensors. They are tokenised once and padded to the longest input of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerBase

from src.core.records import Example
from src.core.user_errors import UserError, is_out_of_memory
from src.models import hardware
from src.tasks.alignment import Encoding, tokenize
from src.tasks.loss import IGNORED

if TYPE_CHECKING:
    from src.models.checkpoint import Checkpoint

Output = TypeVar("Output")

TOO_LARGE = "memory ran out with one row at a time; lower train.max_length, or use a smaller model"


@dataclass(frozen=True)
class Encoded:
    """Examples and their tokenised windows; a long text may have several windows."""

    examples: Sequence[Example]
    windows: Sequence[Sequence[Encoding]]


def encode(checkpoint: Checkpoint, examples: Sequence[Example]) -> Encoded:
    """Tokenises examples for a checkpoint."""
    with_words = any(not task.pooled for task in checkpoint.tasks)
    windows = tokenize(
        examples, checkpoint.tokenizer, checkpoint.max_length, with_words=with_words, stride=checkpoint.stride
    )
    return Encoded(examples, windows)


def features(checkpoint: Checkpoint, encoded: Encoded) -> list[dict[str, Any]]:
    """Returns for each window its model inputs, its targets by task name, and its length."""
    return [
        window.inputs
        | {task.name: task.encode(example, window, checkpoint.labels[task.name]) for task in checkpoint.tasks}
        | {"length": len(window.inputs["input_ids"])}
        for example, windows in zip(encoded.examples, encoded.windows, strict=True)
        for window in windows
    ]


class Collator:
    """Pads features to one batch of tensors.

    Shape: inputs (B, T); targets, under the key `targets`, (B,), (B, T) or (B, 2) per task.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, tasks: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.tasks = tasks

    def __call__(self, features: Sequence[dict[str, Any]]) -> dict[str, Any]:
        names = [name for name in features[0] if name not in (*self.tasks, "length")]
        batch: dict[str, Any] = dict(
            self.tokenizer.pad([{name: row[name] for name in names} for row in features], return_tensors="pt")
        )
        batch["targets"] = {task: _stacked([torch.tensor(row[task]) for row in features]) for task in self.tasks}
        return batch


def _stacked(targets: list[torch.Tensor]) -> torch.Tensor:
    return pad_sequence(targets, batch_first=True, padding_value=IGNORED) if targets[0].dim() else torch.stack(targets)


def longest_first(
    inputs: Sequence[Mapping[str, Any]],
    tokenizer: PreTrainedTokenizerBase,
    batch_size: int,
    device: torch.device,
    forward: Callable[[dict[str, torch.Tensor]], Output],
) -> Iterator[tuple[list[int], Output]]:
    """Runs inputs in batches of similar length. Yields their positions in `inputs` and the output of the batch.

    If memory runs out, the following batches have half as many inputs.

    Args:
        forward: runs a batch. Its output should be on the CPU, because it stays in memory during the next batch.

    Shape: a batch (B, T).

    Raises:
        UserError: memory is too small for a single input.
    """
    order = sorted(range(len(inputs)), key=lambda i: -len(inputs[i]["input_ids"]))
    done = 0
    while done < len(order):
        positions = order[done : done + batch_size]
        batch = tokenizer.pad([inputs[i] for i in positions], return_tensors="pt")
        try:
            output = forward(batch.to(device))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if len(positions) == 1:
                raise UserError(TOO_LARGE) from error
        else:
            yield positions, output
            done += len(positions)
            continue
        batch_size = -(-len(positions) // 2)
        hardware.free_memory()


def parts_of(batch: Mapping[str, Any], rows: int) -> Iterator[dict[str, Any]]:
    """Splits a batch of the collator into parts of at most `rows` rows.

    Shape: the first axis of each tensor is the rows.
    """
    for start in range(0, len(batch["input_ids"]), rows):
        of_part = slice(start, start + rows)
        part: dict[str, Any] = {name: values[of_part] for name, values in batch.items() if name != "targets"}
        part["targets"] = {task: values[of_part] for task, values in batch["targets"].items()}
        yield part
