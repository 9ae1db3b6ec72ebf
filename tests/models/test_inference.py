"""Predictions: those of each example alone, in the order of the examples.

pytest tests/models/test_inference.py
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from src.core.records import Example, Prediction
from src.tasks import TASKS
from tests.models.conftest import ARCHITECTURES, Make

JOINT = "+".join(TASKS)


def same(rows: Sequence[Prediction], others: Sequence[Prediction]) -> None:
    """Equal but for rounding: of probabilities, and of a choice between two that are as good as equal."""
    assert len(rows) == len(others)
    for row, other in zip(rows, others, strict=True):
        assert (row.id, row.task, row.gold, row.predicted) == (other.id, other.task, other.gold, other.predicted)
        assert row.probabilities == pytest.approx(other.probabilities, abs=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("task", [*TASKS, JOINT])
def test_predictions_do_not_depend_on_the_size_of_batches_nor_on_the_order_of_examples(
    task: str, architecture: str, make: Make, splits: dict[str, list[Example]]
) -> None:
    made = make(task, architecture)
    examples = splits["test"]
    whole = made.predict(examples, len(examples))
    for batch_size in (1, 3):
        same(made.predict(examples, batch_size), whole)
    order = np.random.default_rng(0).permutation(len(examples))
    per_example = len(made.tasks)
    shuffled = made.predict([examples[i] for i in order], 4)
    expected = [row for i in order for row in whole[i * per_example : (i + 1) * per_example]]
    same(shuffled, expected)


def test_predictions_come_in_the_order_of_examples_and_then_of_tasks(
    make: Make, splits: dict[str, list[Example]]
) -> None:
    examples = sorted(splits["test"], key=lambda example: len(example.text))
    rows = make("span+cls").predict(examples, 4)
    expected = [(example.id, task) for example in examples for task in ("span", "cls")]
    assert [(row.id, row.task) for row in rows] == expected


def test_a_prediction_is_what_the_model_says_of_the_example_alone(make: Make, splits: dict[str, list[Example]]) -> None:
    made = make("cls")
    made.model.eval()
    for row, example in zip(made.predict(splits["test"], 8), splits["test"], strict=True):
        with torch.inference_mode():
            logits = made.model(**made.tokenizer(example.text, return_tensors="pt")).logits[0]
        expected = dict(zip(made.labels["cls"], logits.softmax(-1).tolist(), strict=True))
        assert row.probabilities == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_while_predicting_and_the_mode_is_put_back(
    training: bool, make: Make, splits: dict[str, list[Example]]
) -> None:
    made = make("cls")
    made.model.train(training)
    assert made.predict(splits["test"], 4) == made.predict(splits["test"], 4)
    assert made.model.training is training
    assert all(module.training is training for module in made.model.modules())


def test_no_examples_give_no_predictions(make: Make) -> None:
    assert make(JOINT).predict([], 4) == []


def test_unlabelled_examples_are_predicted_alike_and_have_no_gold(make: Make, splits: dict[str, list[Example]]) -> None:
    made = make(JOINT)
    blind = [replace(example, label=None, tags=None, answers=None) for example in splits["test"]]
    for row, labelled in zip(made.predict(blind, 4), made.predict(splits["test"], 4), strict=True):
        assert (row.gold, row.correct) == (None, None)
        assert (row.predicted, row.probabilities) == (labelled.predicted, labelled.probabilities)
        assert row.gold_spans is None


def test_a_text_that_is_cut_has_a_tag_for_every_word(make: Make, splits: dict[str, list[Example]]) -> None:
    made = make("span", max_length=8)
    for row, example in zip(made.predict(splits["test"], 4), splits["test"], strict=True):
        assert len(row.predicted) == len(row.probabilities) == len(example.tokens or [])
    assert any(0.0 in row.probabilities for row in made.predict(splits["test"], 4))


def test_the_random_state_is_left_alone(make: Make, splits: dict[str, list[Example]]) -> None:
    made = make("cls")
    before = torch.get_rng_state()
    made.predict(splits["test"], 4)
    assert torch.equal(torch.get_rng_state(), before)
