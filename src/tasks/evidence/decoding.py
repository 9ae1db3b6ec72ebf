"""Turns start and end logits into an answer or no answer. Validation chooses the null threshold."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from src.core.records import Example, Prediction
from src.tasks.alignment import Encoding, searched_text
from src.tasks.evidence.labels import NULL
from src.tasks.evidence.metrics import scores_of_row
from src.tasks.evidence.row import NAME


def decode(
    logits: Sequence[np.ndarray],
    windows: Sequence[Encoding],
    example: Example,
    labels: Sequence[str],
    settings: Mapping[str, float],
) -> Prediction:
    """Returns the best pair of all windows, or no answer if the lowest null score exceeds it by the threshold."""
    span, score = None, None
    for window_logits, window in zip(logits, windows, strict=True):
        inside = np.array([offsets is not None for offsets in window.offsets])
        pair = best_pair(window_logits[: len(inside)], inside, int(settings["max_answer_length"]))
        if pair is not None and (score is None or pair[2] > score):
            first, last, score = window.offsets[pair[0]], window.offsets[pair[1]], pair[2]
            assert first is not None  # both are inside
            assert last is not None
            span = [first[0], last[1]]
    null_score = min(float(window_logits[NULL].astype(float).sum()) for window_logits in logits)
    if score is not None and null_score - score > settings["null_threshold"]:
        span = None
    return prediction(example, span, score, null_score)


def best_pair(logits: np.ndarray, inside: np.ndarray, longest: int) -> tuple[int, int, float] | None:
    """Finds the best answer of a window: start and end are inside, and it has at most `longest` sub-words.

    Returns:
        First and last position, and the sum of their logits; None if no sub-word is inside.

    Shape: logits (T, 2), inside (T,) of bools.
    """
    if not inside.any():
        return None
    starts, ends = np.where(inside[:, None], logits.astype(float), -np.inf).T
    ends = np.concatenate([ends, np.full(longest - 1, -np.inf)])
    pairs = starts[:, None] + np.lib.stride_tricks.sliding_window_view(ends, longest)  # (T, longest)
    start, length = np.unravel_index(int(pairs.argmax()), pairs.shape)
    return int(start), int(start + length), float(pairs[start, length])


def prediction(
    example: Example, span: list[int] | None, score: float | None = None, null_score: float | None = None
) -> Prediction:
    """Builds the prediction from a span of the searched text. None is no answer.

    Args:
        score: the score of the best span, even if no answer is predicted.
    """
    text = searched_text(example)
    gold = example.answers
    return Prediction(
        id=example.id,
        split=example.split,
        group=example.group,
        task=NAME,
        gold=gold,
        predicted=span,
        correct=None if gold is None else (span in gold if gold else span is None),
        text="" if span is None else text[span[0] : span[1]],
        score=score,
        null_score=null_score,
        gold_texts=None if gold is None else [text[start:end] for start, end in gold],
    )


def calibrate(decoded: Callable[[Mapping[str, float]], Sequence[Prediction]]) -> dict[str, float]:
    """Chooses the threshold with the best F1."""
    answered = [
        (row.null_score - row.score, scores_of_row(row)[1] - scores_of_row(replace(row, predicted=None))[1])
        for row in decoded({"null_threshold": math.inf})
        if row.gold is not None and row.score is not None and row.null_score is not None
    ]
    if not answered:
        return {}
    differences, gains = np.array(answered).T
    return {"null_threshold": best_threshold(differences, gains)}


def best_threshold(differences: np.ndarray, gains: np.ndarray) -> float:
    """Finds the threshold of the difference "score of no answer - score of the best answer".

    A row is answered if its difference is at most the threshold. The threshold is halfway between two rows, so that
    rounding does not change the decision.

    Args:
        differences: score of no answer - score of the best answer, per row; not empty.
        gains: the change of the row's score if it is answered, such as -1 if it has no gold answer.

    Shape: (N,), (N,).
    Source: find_best_thresh of the SQuAD v2 evaluation script. The lowest of equally good thresholds wins. Two changes:
    rows of equal difference are treated together, and the threshold may answer no row.

    >>> best_threshold(np.array([-3.0, -1.0, 2.0]), np.array([1.0, 0.5, -1.0]))
    0.5
    """
    order = np.argsort(differences, kind="stable")
    ranked = differences[order]
    totals = np.concatenate([[0.0], np.cumsum(gains[order])])  # total gain if the first 0, 1 ... N rows are answered
    edges = np.concatenate([[ranked[0] - 1], (ranked[:-1] + ranked[1:]) / 2, [ranked[-1] + 1]])
    totals[1:-1][ranked[:-1] == ranked[1:]] = -np.inf
    return float(edges[totals.argmax()])
