"""All private interfaces of transformers that training uses.

- `Trainer._get_train_sampler` defines the order of the rows; there is no argument for a sampler. If the method gets
  another name, Trainer silently uses its own sampler, and all scores change.
- `get_length_grouped_indices` and `LengthGroupedSampler` sort rows by length. If they draw differently, scores change.
- `safe_globals` lists the classes that loading the random state of a checkpoint without pickled code needs.
- Names of the files in a checkpoint, which `resume_state` reads.

tests/training/test_transformers_internals.py contains the version for which this was tested.
"""

from collections.abc import Iterator
from typing import Any

import torch
from transformers import Trainer
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME, TRAINER_STATE_NAME
from transformers.trainer_pt_utils import LengthGroupedSampler, get_length_grouped_indices, safe_globals

__all__ = ["OPTIMIZER_NAME", "SCHEDULER_NAME", "TRAINER_STATE_NAME", "LikeLengths", "TrainerInOrder", "safe_globals"]

SORTED = 8  # random batches that are sorted by length together; a larger number makes batches less mixed


class LikeLengths(LengthGroupedSampler):
    """Groups inputs of similar length into batches, and returns the batches in random order.

    The sampler of transformers sorts up to 50 batches together, from long to short. Consecutive steps are then similar,
    and an epoch ends with short inputs, which lowers the F1 of `tiny` (benchmarks/README.md).
    """

    def __iter__(self) -> Iterator[int]:
        rows = get_length_grouped_indices(self.lengths, self.batch_size, SORTED, self.generator)
        whole = len(rows) // self.batch_size
        batches = [rows[i * self.batch_size : (i + 1) * self.batch_size] for i in range(whole)]
        order = torch.randperm(whole, generator=self.generator).tolist()
        return iter([row for i in order for row in batches[i]] + rows[whole * self.batch_size :])


class TrainerInOrder(Trainer):
    """Trainer that reads the rows in the order of LikeLengths."""

    def _get_train_sampler(self, train_dataset: Any = None) -> LikeLengths:
        sampler = super()._get_train_sampler(train_dataset)
        return LikeLengths(sampler.batch_size, lengths=sampler.lengths, generator=sampler.generator)
