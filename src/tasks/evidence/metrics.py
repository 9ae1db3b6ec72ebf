"""The metrics of task `evidence`: the official rules of SQuAD v2."""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from src.core.records import Prediction

PUNCTUATION = str.maketrans("", "", string.punctuation)


def score(rows: Sequence[Prediction]) -> dict[str, float]:
    """Exact match and word F1 of all rows, of rows with an answer and of rows without an answer.

    Source: the SQuAD v2 evaluation script. Rows without texts are scored over characters instead of words.
    """
    em, f1 = np.array([scores_of_row(row) for row in rows]).T
    has_answer = np.array([bool(row.gold) for row in rows])
    scores = {"evidence_em": em, "evidence_f1": f1}
    if has_answer.any():
        scores |= {"evidence_em_has_answer": em[has_answer], "evidence_f1_has_answer": f1[has_answer]}
    if not has_answer.all():
        scores |= {"evidence_em_no_answer": em[~has_answer], "evidence_f1_no_answer": f1[~has_answer]}
    return {name: float(values.mean()) for name, values in scores.items()}


def tally(rows: Sequence[Prediction]) -> np.ndarray:
    return np.array([[[scores_of_row(row)[1], 1.0]] for row in rows])


def primary(counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts[..., 0, 0] / counts[..., 0, 1])


def confusion(rows: Sequence[Prediction]) -> list[tuple[str, str]]:
    """Compares only whether there is an answer, not its position."""
    names = ("no answer", "answer")
    return [(names[bool(row.gold)], names[row.predicted is not None]) for row in rows]


def scores_of_row(row: Prediction) -> tuple[float, float]:
    """Returns exact match and F1 of a row."""
    golds = row.gold_texts if row.gold else []
    text = row.text if row.predicted else ""
    if golds is not None and text is not None:
        return best(exact, golds, text), best(overlap, golds, text)
    if not row.gold or row.predicted is None:
        return 0.0, 0.0  # either gold or predicted has an answer, but not both
    return float(row.predicted in row.gold), max(_shared(gold, row.predicted) for gold in row.gold)


def _shared(gold: Sequence[int], predicted: Sequence[int]) -> float:
    common = max(0, min(gold[1], predicted[1]) - max(gold[0], predicted[0]))
    return 2 * common / (gold[1] - gold[0] + predicted[1] - predicted[0])


def normalized(text: str) -> str:
    """Lower-cases, and removes ASCII punctuation, English articles and repeated white space.

    >>> normalized("The  Eiffel-Tower, a tower!")
    'eiffeltower tower'
    """
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text.lower().translate(PUNCTUATION)).split())


def exact(gold: str, predicted: str) -> float:
    """Returns 1.0 if the normalized answers are equal, else 0.0."""
    return float(normalized(gold) == normalized(predicted))


def overlap(gold: str, predicted: str) -> float:
    """Returns the F1 over the words of two answers; 1.0 if both have no words.

    >>> overlap("the old bridge", "bridge of Mostar")
    0.4
    """
    golds, words = normalized(gold).split(), normalized(predicted).split()
    if not golds or not words:
        return float(golds == words)
    return 2 * (Counter(golds) & Counter(words)).total() / (len(golds) + len(words))


def best(measure: Callable[[str, str], float], golds: Sequence[str], predicted: str) -> float:
    """Returns the best score over the gold answers. A gold answer without words after `normalized` is ignored."""
    return max(measure(gold, predicted) for gold in [text for text in golds if normalized(text)] or [""])
