"""Batches: padded to their longest, targets with them.

pytest tests/models/test_batches.py
"""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from src.core.records import Example
from src.models.batches import Collator, encode, features
from src.models.checkpoint import Checkpoint
from src.tasks import TASKS
from tests.models.conftest import ARCHITECTURES, Make

JOINT = "+".join(TASKS)


def collated(made: Checkpoint, examples: Sequence[Example]) -> dict:
    return Collator(made.tokenizer, list(made.labels))(features(made, encode(made, examples)))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("task", [*TASKS, JOINT])
def test_a_batch_is_as_wide_as_its_longest_example(
    task: str, architecture: str, make: Make, splits: dict[str, list[Example]]
) -> None:
    made = make(task, architecture)
    examples = splits["test"][:6]
    lengths = [len(made.tokenizer(example.text)["input_ids"]) for example in examples]
    assert len(set(lengths)) > 1
    batch = collated(made, examples)
    targets = batch.pop("targets")
    assert set(batch) == set(made.tokenizer.model_input_names)
    for values in batch.values():
        assert values.shape == (6, max(lengths))
        assert values.dtype == torch.int64
    assert batch["attention_mask"].sum(dim=1).tolist() == lengths
    for row, length in zip(batch["input_ids"], lengths, strict=True):
        assert (row[length:] == made.tokenizer.pad_token_id).all()
        assert (row[:length] != made.tokenizer.pad_token_id).all()
    assert targets.keys() == made.labels.keys()


def test_targets_of_sentences_are_one_number_each(make: Make, splits: dict[str, list[Example]]) -> None:
    labels = [None, "Figurative", "Literal"]
    examples = [replace(splits["test"][i], label=label) for i, label in enumerate(labels)]
    assert collated(make("cls"), examples)["targets"]["cls"].tolist() == [-100, 1, 0]


@pytest.mark.parametrize("task", ["span", JOINT])
def test_targets_of_words_are_padded_with_minus_a_hundred(
    task: str, make: Make, splits: dict[str, list[Example]]
) -> None:
    made = make(task)
    examples = splits["test"][:5]
    batch = collated(made, examples)
    targets = batch["targets"]["span"]
    assert targets.shape == batch["input_ids"].shape
    assert (targets[batch["attention_mask"] == 0] == -100).all()
    for row, example, (encoding,) in zip(targets, examples, encode(made, examples).windows, strict=True):
        assert [made.labels["span"][row[position]] for position in encoding.first_subwords] == example.tags
        assert (row != -100).sum() == len(example.tags or [])


def test_a_batch_of_one_has_no_padding(make: Make, splits: dict[str, list[Example]]) -> None:
    for example in splits["test"][:3]:
        assert collated(make(JOINT), [example])["attention_mask"].all()


def test_the_length_of_a_row_is_that_of_its_input_and_is_not_passed_to_the_model(
    make: Make, splits: dict[str, list[Example]]
) -> None:
    made = make("cls+span", max_length=12)
    rows = features(made, encode(made, splits["test"]))
    assert [row["length"] for row in rows] == [len(row["input_ids"]) for row in rows]
    assert max(row["length"] for row in rows) == 12
    assert "length" not in collated(made, splits["test"])


def test_what_the_cut_takes_away_has_no_target(make: Make, splits: dict[str, list[Example]]) -> None:
    made = make("span", max_length=8)
    for row, example in zip(features(made, encode(made, splits["test"])), splits["test"], strict=True):
        kept = [value for value in row["span"] if value != -100]
        assert len(row["span"]) == len(row["input_ids"]) <= 8
        assert [made.labels["span"][value] for value in kept] == (example.tags or [])[: len(kept)]


def test_words_are_aligned_only_for_a_task_on_words(make: Make, splits: dict[str, list[Example]]) -> None:
    assert not any(window.first_subwords for (window,) in encode(make("cls"), splits["test"]).windows)
    assert all(window.first_subwords for (window,) in encode(make(JOINT), splits["test"]).windows)
    assert features(make(JOINT), encode(make(JOINT), [])) == encode(make(JOINT), []).windows == []
