"""From start and end logits to an answer or none; the null threshold, which validation chooses."""

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
    """Returns the best pair of all windows, unless their lowest null score exceeds it by more than the threshold."""
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
    """Finds the best answer of a window: start and end among the sub-words inside, at most `longest` from one to other.

    Returns:
        First and last position, and the sum of their logits; None where nothing is inside.

    Shape: logits (T, 2), inside (T,) of bools.
    """
    if not inside.any():
        return None
    starts, ends = np.where(inside[:, None], logits.astype(float), -np.inf).T
    ends = np.concatenate([ends, np.full(longest - 1, -np.inf)])
    pairs = starts[:, None] + np.lib.stride_tricks.sliding_window_view(ends, longest)  # (T, longest)
    start, further = np.unravel_index(int(pairs.argmax()), pairs.shape)
    return int(start), int(start + further), float(pairs[start, further])


def prediction(
    example: Example, span: list[int] | None, score: float | None = None, null_score: float | None = None
) -> Prediction:
    """Returns the prediction that a span of the searched text, or no span, amounts to.

    Args:
        score: of the best span, even if having no answer is preferred to it.
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
    """Finds how much better than the best answer "no answer" may score before it is preferred.

    A row is answered up to the threshold. It lies half-way between two rows, so that rounding moves neither.

    Args:
        differences: score of no answer less that of the best answer, per row; not empty.
        gains: what answering the row adds to its score, such as -1 where no answer is gold.

    Shape: (N,), (N,).
    Source: find_best_thresh of the SQuAD v2 evaluation script: of equally good ones the lowest. (Unlike it, rows of
    equal difference are taken together, and to answer none at all is a choice.)

    >>> best_threshold(np.array([-3.0, -1.0, 2.0]), np.array([1.0, 0.5, -1.0]))
    0.5
    """
    order = np.argsort(differences, kind="stable")
    ranked = differences[order]
    totals = np.concatenate([[0.0], np.cumsum(gains[order])])  # of answering the first 0, 1 ... N rows
    edges = np.concatenate([[ranked[0] - 1], (ranked[:-1] + ranked[1:]) / 2, [ranked[-1] + 1]])
    totals[1:-1][ranked[:-1] == ranked[1:]] = -np.inf
    return float(edges[totals.argmax()])
