"""The mistakes of task `cls`: categories, display of a row, and the vote of an ensemble."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from src.core.records import Example, Prediction
from src.tasks.cls.labels import label_set
from src.text.words import Offsets

RIGHT = "CORRECT"
NEGATIVE = "literal"  # the negative label of two, at either position


def categories(rows: Sequence[Prediction]) -> list[str]:
    """Returns false positives and false negatives if the negative label of two is known, otherwise GOLD->PREDICTED.

    The negative label is `literal`, or the first one if the rows have probabilities, which give the labels an order.
    """
    labels = label_set(rows)
    negative = next((label for label in labels if label.casefold() == NEGATIVE), None)
    if negative is None and any(row.probabilities for row in rows):
        negative = labels[0]
    if len(labels) > 2 or negative is None:
        return [RIGHT if row.correct else f"{row.gold}->{row.predicted}" for row in rows]
    wrong = {True: "FALSE_POSITIVE", False: "FALSE_NEGATIVE"}
    return [RIGHT if row.correct else wrong[row.gold == negative] for row in rows]


def target_length(row: Prediction) -> int | None:
    return None


def confidence(row: Prediction) -> float | None:
    """The probability of the predicted label."""
    return None if row.probabilities is None else float(row.probabilities[row.predicted])


def spelled(row: Prediction, answer: Any) -> str:
    return "-" if answer is None else str(answer)


def described(row: Prediction) -> str:
    return ", ".join(f"{label} {p:.3f}" for label, p in sorted(row.probabilities.items(), key=lambda item: -item[1]))


def marked(row: Prediction, example: Example | None) -> tuple[str, list[Offsets], list[Offsets]]:
    """A label marks no part of the text."""
    texts = () if example is None else (example.text, example.text_pair)
    return "\n".join(filter(None, texts)), [], []


def can_average(row: Prediction) -> bool:
    return row.probabilities is not None


def vote(rows: Sequence[Prediction], by_vote: bool) -> Prediction:
    """Returns the label with the highest mean probability, or with most votes. The other criterion breaks ties."""
    labels = label_set(rows)
    means = {label: fmean((row.probabilities or {}).get(label, 0.0) for row in rows) for label in labels}
    votes = {label: sum(row.predicted == label for row in rows) for label in labels}
    order = [votes, means] if by_vote else [means, votes]
    predicted = max(labels, key=lambda label: tuple(scores[label] for scores in order))
    return replace(
        rows[0],
        predicted=predicted,
        correct=None if rows[0].gold is None else predicted == rows[0].gold,
        probabilities=means if all(map(can_average, rows)) else None,
    )
