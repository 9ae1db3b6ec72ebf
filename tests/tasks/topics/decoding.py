"""From logits over the topics to a prediction: every topic with a probability above one half."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from src.core.records import Example, Prediction
from src.tasks.alignment import Encoding
from tests.tasks.topics.row import NAME


def decode(
    logits: Sequence[np.ndarray],
    windows: Sequence[Encoding],
    example: Example,
    labels: Sequence[str],
    settings: Mapping[str, float],
) -> Prediction:
    probabilities = 1 / (1 + np.exp(-np.mean(logits, axis=0).astype(float)))
    return prediction(example, dict(zip(labels, map(float, probabilities), strict=True)))


def prediction(example: Example, probabilities: Mapping[str, float]) -> Prediction:
    predicted = [topic for topic, p in probabilities.items() if p > 0.5]
    gold = None if example.extra.get(NAME) is None else sorted(example.extra[NAME])
    return Prediction(
        id=example.id,
        split=example.split,
        group=example.group,
        task=NAME,
        gold=gold,
        predicted=predicted,
        correct=None if gold is None else predicted == gold,
        probabilities=dict(probabilities),
    )


def calibrate(decoded: Callable[[Mapping[str, float]], Sequence[Prediction]]) -> dict[str, float]:
    return {}
