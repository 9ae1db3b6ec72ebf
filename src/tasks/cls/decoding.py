"""Turns logits over the labels into a prediction of task `cls`."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from src.core.records import Example, Prediction
from src.tasks.alignment import Encoding
from src.tasks.cls.row import NAME
from src.tasks.loss import softmax


def decode(
    logits: Sequence[np.ndarray],
    windows: Sequence[Encoding],
    example: Example,
    labels: Sequence[str],
    settings: Mapping[str, float],
) -> Prediction:
    """Returns the label of the mean logits over windows. In training, each window has the label of the text."""
    return prediction(example, labels, softmax(np.mean(logits, axis=0)))


def prediction(example: Example, labels: Sequence[str], probabilities: Sequence[float] | np.ndarray) -> Prediction:
    """Builds the prediction from the probabilities of the labels.

    Shape: probabilities (L,).
    """
    predicted = labels[int(np.argmax(probabilities))]
    return Prediction(
        id=example.id,
        split=example.split,
        group=example.group,
        task=NAME,
        gold=example.label,
        predicted=predicted,
        correct=None if example.label is None else predicted == example.label,
        probabilities={label: float(p) for label, p in zip(labels, probabilities, strict=True)},
    )


def calibrate(decoded: Callable[[Mapping[str, float]], Sequence[Prediction]]) -> dict[str, float]:
    """This task has no settings that validation chooses."""
    return {}
