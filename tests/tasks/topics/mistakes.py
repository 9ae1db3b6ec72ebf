"""The mistakes of task `topics`, how a person reads a row, and the vote of an ensemble."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from src.core.records import Example, Prediction
from src.text.words import Offsets
from tests.tasks.topics.labels import label_set

RIGHT = "CORRECT"


def categories(rows: Sequence[Prediction]) -> list[str]:
    return [RIGHT if row.correct else "TOO_MANY" if len(row.predicted) > len(row.gold) else "OTHER" for row in rows]


def target_length(row: Prediction) -> int | None:
    return None


def confidence(row: Prediction) -> float | None:
    return fmean(max(p, 1 - p) for p in row.probabilities.values()) if row.probabilities else None


def spelled(row: Prediction, answer: Any) -> str:
    return ", ".join(answer or []) or "-"


def described(row: Prediction) -> str:
    return ", ".join(f"{topic} {p:.3f}" for topic, p in row.probabilities.items())


def marked(row: Prediction, example: Example | None) -> tuple[str, list[Offsets], list[Offsets]]:
    return "" if example is None else example.text, [], []


def can_average(row: Prediction) -> bool:
    return row.probabilities is not None


def vote(rows: Sequence[Prediction], by_vote: bool) -> Prediction:
    """The topics of more than half of the rows, or those whose mean probability is above one half."""
    topics = label_set(rows)
    means = {topic: fmean((row.probabilities or {}).get(topic, 0.0) for row in rows) for topic in topics}
    votes = {topic: fmean(topic in row.predicted for row in rows) for topic in topics}
    predicted = [topic for topic, share in (votes if by_vote else means).items() if share > 0.5]
    return replace(rows[0], predicted=predicted, correct=predicted == rows[0].gold, probabilities=means)
