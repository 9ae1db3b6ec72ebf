"""What training uses of transformers beyond its public interface, in the version that is installed.

pytest tests/training/test_transformers_internals.py
"""

from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from transformers import TrainingArguments

from src.training.transformers_internals import (
    OPTIMIZER_NAME,
    SCHEDULER_NAME,
    TRAINER_STATE_NAME,
    LikeLengths,
    TrainerInOrder,
    safe_globals,
)


def test_the_version_is_the_one_that_was_checked() -> None:
    """If you upgrade transformers: read the docstring of transformers_internals, train `tiny`, compare its scores."""
    assert version("transformers") == "5.23.0"


@pytest.mark.parametrize("rows", [240, 243])
def test_batches_of_like_lengths_follow_one_another_at_random(rows: int) -> None:
    lengths = torch.randint(5, 60, (rows,), generator=torch.Generator().manual_seed(1)).tolist()
    sampler = LikeLengths(8, lengths=lengths, generator=torch.Generator().manual_seed(2))
    epochs = [list(sampler), list(sampler)]
    assert all(sorted(epoch) == list(range(rows)) for epoch in epochs)
    assert epochs[0] != epochs[1]
    whole = [[lengths[row] for row in epochs[0][i : i + 8]] for i in range(0, rows - rows % 8, 8)]
    assert sum(max(batch) - min(batch) for batch in whole) / len(whole) < 15  # of 55: alike within a batch
    longest = [max(batch) for batch in whole]
    falls = sum(one > other for one, other in pairwise(longest))
    assert 0.25 < falls / (len(longest) - 1) < 0.75  # sorted ones would nearly all fall


class _Logistic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"loss": self.layer(x.float()[:, None]).square().mean()}


def test_the_trainer_reads_rows_in_the_order_of_like_lengths_and_a_checkpoint_has_the_files_that_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    drawn: list[LikeLengths] = []
    order = LikeLengths.__iter__
    monkeypatch.setattr(LikeLengths, "__iter__", lambda self: drawn.append(self) or order(self))  # type: ignore[func-returns-value]
    arguments = TrainingArguments(
        output_dir=str(tmp_path), per_device_train_batch_size=4, gradient_accumulation_steps=2, num_train_epochs=1,
        train_sampling_strategy="group_by_length", remove_unused_columns=False, save_strategy="epoch", use_cpu=True,
        report_to=[], disable_tqdm=True,
    )  # fmt: skip
    rows = datasets.Dataset.from_dict({"x": list(range(64)), "length": [1 + i % 9 for i in range(64)]})

    def collate(features: list[dict[str, int]]) -> dict[str, torch.Tensor]:
        return {"x": torch.tensor([row["x"] for row in features])}

    trainer = TrainerInOrder(model=_Logistic(), args=arguments, train_dataset=rows, data_collator=collate)
    trainer.train()
    (sampler,) = {id(each): each for each in drawn}.values()
    assert sampler.batch_size == 8  # rows of an optimizer step
    assert list(sampler.lengths) == rows["length"]
    (state,) = tmp_path.glob("checkpoint-*")
    assert {OPTIMIZER_NAME, SCHEDULER_NAME, TRAINER_STATE_NAME, "rng_state.pth"} <= {
        path.name for path in state.iterdir()
    }
    with safe_globals():
        random = torch.load(state / "rng_state.pth", weights_only=True)
    assert isinstance(random["numpy"][1], np.ndarray)
