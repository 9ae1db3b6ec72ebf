"""The metrics of task `span`."""

from collections.abc import Sequence

import numpy as np

from src.core.records import Prediction
from src.tasks.f1 import f1
from src.text.words import spans_of


def score(rows: Sequence[Prediction]) -> dict[str, float]:
    """Source: seqeval, mode strict with IOB2, micro average; `span_f1_lenient`: its default mode, as conlleval."""
    from seqeval.metrics import f1_score
    from seqeval.metrics.v1 import precision_recall_fscore_support
    from seqeval.scheme import IOB2

    gold, predicted = [row.gold for row in rows], [row.predicted for row in rows]
    precision, recall, f1, _ = precision_recall_fscore_support(
        gold, predicted, average="micro", scheme=IOB2, zero_division=0
    )
    words = [g == p for row in rows for g, p in zip(row.gold, row.predicted, strict=True)]
    return {
        "span_f1": float(f1),
        "span_precision": float(precision),
        "span_recall": float(recall),
        "span_f1_lenient": float(f1_score(gold, predicted, zero_division=0)),
        "token_accuracy": float(np.mean(words)) if words else 0.0,
    }


def tally(rows: Sequence[Prediction]) -> np.ndarray:
    counts = np.zeros((len(rows), 1, 3))
    for i, row in enumerate(rows):
        gold, predicted = set(spans_of(row.gold)), set(spans_of(row.predicted))
        counts[i, 0] = len(gold & predicted), len(predicted - gold), len(gold - predicted)
    return counts


def primary(counts: np.ndarray) -> np.ndarray:
    return f1(counts)


def confusion(rows: Sequence[Prediction]) -> list[tuple[str, str]]:
    return [pair for row in rows for pair in zip(row.gold, row.predicted, strict=True)]
