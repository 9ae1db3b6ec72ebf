"""What training needs of transformers and has no public interface: all of it is here.

- `Trainer._get_train_sampler` decides the order of the rows; there is no argument for a sampler. If the method gets
  another name, batches are silently those of transformers, and all scores change.
- `get_length_grouped_indices` and `LengthGroupedSampler` sort rows by length. If they draw differently, scores change.
- `safe_globals` lists the classes that the random state of a checkpoint needs when it is loaded without pickled code.
- Names of the files in a checkpoint, which `resume_state` reads.

tests/training/test_transformers_internals.py names the version for which this was checked.
"""

from collections.abc import Iterator
from typing import Any

import torch
from transformers import Trainer
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME, TRAINER_STATE_NAME
from transformers.trainer_pt_utils import LengthGroupedSampler, get_length_grouped_indices, safe_globals

__all__ = ["OPTIMIZER_NAME", "SCHEDULER_NAME", "TRAINER_STATE_NAME", "LikeLengths", "TrainerInOrder", "safe_globals"]

SORTED = 8  # batches of rows, drawn at random, that are sorted by length: with more, batches are less of a mixture


class LikeLengths(LengthGroupedSampler):
    """Gives inputs so that each batch is of like lengths, and batches follow one another at random.

    That of transformers sorts up to 50 batches at once and gives them from long to short: steps in a row then say the
    same, and an epoch ends with what is short. `tiny` loses points of F1 by it (benchmarks/README.md).
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
        theirs = super()._get_train_sampler(train_dataset)
        return LikeLengths(theirs.batch_size, lengths=theirs.lengths, generator=theirs.generator)
