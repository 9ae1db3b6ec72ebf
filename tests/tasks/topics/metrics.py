"""The metrics of task `topics`: F1 macro over topics, and the share of texts whose topics are all right."""

from collections.abc import Sequence

import numpy as np

from src.core.records import Prediction
from src.tasks.f1 import f1
from tests.tasks.topics.labels import label_set


def score(rows: Sequence[Prediction]) -> dict[str, float]:
    return {
        "topics_f1": float(primary(tally(rows).sum(axis=0))),
        "topics_exact": float(np.mean([row.gold == row.predicted for row in rows])),
    }


def tally(rows: Sequence[Prediction]) -> np.ndarray:
    topics = label_set(rows)
    gold, predicted = (np.array([[t in side for t in topics] for side in sides]) for sides in _sides(rows))
    return np.stack([gold & predicted, ~gold & predicted, gold & ~predicted], axis=-1).astype(float)


def _sides(rows: Sequence[Prediction]) -> tuple[list[list[str]], list[list[str]]]:
    return [row.gold for row in rows], [row.predicted for row in rows]


def primary(counts: np.ndarray) -> np.ndarray:
    return f1(counts)


def confusion(rows: Sequence[Prediction]) -> list[tuple[str, str]]:
    """A pair for each topic of each text; `no` and a topic, or the topic twice."""
    topics = label_set(rows)
    return [
        (topic if topic in row.gold else "no", topic if topic in row.predicted else "no")
        for row in rows
        for topic in topics
    ]
