"""Calibration: of the rows that are predicted with a probability near 0.8, are 80 % correct?"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from src.core.records import Prediction
from src.tasks import TASKS
from src.tasks.ece import ECE_BINS, ece


class Bin(NamedTuple):
    """The rows whose probability of the predicted label is in [low, high); the last bin includes 1.

    Attributes:
        confidence: mean probability; accuracy: share of correct rows. Both are None for a bin without rows.
    """

    low: float
    high: float
    rows: int
    confidence: float | None
    accuracy: float | None


class Calibration(NamedTuple):
    """The expected calibration error, the largest gap of a bin, the Brier score, and the reliability curve.

    Source: Guo et al. 2017 (ece, mce); Brier 1950, over all labels, in [0, 2].
    """

    ece: float
    mce: float
    brier: float
    bins: list[Bin]


def calibration(rows: Sequence[Prediction]) -> Calibration | None:
    """Measures calibration. Returns None if a row has no probabilities, or if the task has no exclusive labels.

    Args:
        rows: rows of one task; all have a gold label.
    """
    if not rows or not TASKS[rows[0].task].exclusive_labels or any(row.probabilities is None for row in rows):
        return None
    confidence = np.array([row.probabilities[row.predicted] for row in rows])
    correct = np.array([row.correct for row in rows], dtype=float)
    places = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    bins = [_bin(place, confidence[places == place], correct[places == place]) for place in range(ECE_BINS)]
    gaps = [abs(part.accuracy - part.confidence) for part in bins if part.rows]  # type: ignore[operator]
    brier = [sum((p - (label == row.gold)) ** 2 for label, p in row.probabilities.items()) for row in rows]
    return Calibration(ece(confidence, correct), max(gaps), float(np.mean(brier)), bins)


def _bin(place: int, confidence: np.ndarray, correct: np.ndarray) -> Bin:
    means = (float(confidence.mean()), float(correct.mean())) if len(correct) else (None, None)
    return Bin(place / ECE_BINS, (place + 1) / ECE_BINS, len(correct), *means)
