"""The type of a baseline. A baseline may be fitted on train, and predicts the examples of every split."""

from collections.abc import Callable, Mapping, Sequence

from src.core.records import Example, Prediction

Splits = Mapping[str, Sequence[Example]]
Rows = dict[str, list[Prediction]]
Baseline = Callable[[Sequence[Example], Splits, Sequence[str]], Rows]
"""Takes the train split, {split: examples} and the label set of the task; returns {split: predictions}."""


def each(splits: Splits, predict: Callable[[Example], Prediction]) -> Rows:
    """Applies `predict` to every example of every split."""
    return {split: [predict(example) for example in examples] for split, examples in splits.items()}
