"""Scores of answers, by the official rules of SQuAD v2, and the threshold below which there is none."""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalized(text: str) -> str:
    """Lowers case, and drops ASCII punctuation, English articles and superfluous white space.

    >>> normalized("The  Eiffel-Tower, a tower!")
    'eiffeltower tower'
    """
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text.lower().translate(PUNCTUATION)).split())


def exact(gold: str, predicted: str) -> float:
    """Returns 1.0 for answers that are equal when normalized, else 0.0."""
    return float(normalized(gold) == normalized(predicted))


def overlap(gold: str, predicted: str) -> float:
    """Returns the F1 of the words that two answers share; of two answers without words, 1.0.

    >>> overlap("the old bridge", "bridge of Mostar")
    0.4
    """
    golds, words = normalized(gold).split(), normalized(predicted).split()
    if not golds or not words:
        return float(golds == words)
    return 2 * (Counter(golds) & Counter(words)).total() / (len(golds) + len(words))


def best(measure: Callable[[str, str], float], golds: Sequence[str], predicted: str) -> float:
    """Returns the measure of the nearest gold answer; an answer of punctuation and articles alone counts as none."""
    return max(measure(gold, predicted) for gold in [text for text in golds if normalized(text)] or [""])


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
