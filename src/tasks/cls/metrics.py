"""The metrics of task `cls`."""

from collections.abc import Sequence

import numpy as np

from src.core.records import Prediction
from src.tasks.cls.labels import label_set
from src.tasks.ece import ece
from src.tasks.f1 import f1


def score(rows: Sequence[Prediction]) -> dict[str, float]:
    """Source: scikit-learn; a label without gold or predictions scores zero. Calibration error: see `ece`."""
    from sklearn.metrics import precision_recall_fscore_support

    names = label_set(rows)
    gold, predicted = [row.gold for row in rows], [row.predicted for row in rows]
    precision, recall, f1, support = precision_recall_fscore_support(gold, predicted, labels=names, zero_division=0.0)
    scores = {
        "accuracy": float(np.mean([g == p for g, p in zip(gold, predicted, strict=True)])),
        "f1_macro": float(np.mean(f1)),
        "f1_weighted": float(np.average(f1, weights=support)),
    }
    for i, name in enumerate(names):
        scores |= {
            f"f1_{name}": float(f1[i]),
            f"precision_{name}": float(precision[i]),
            f"recall_{name}": float(recall[i]),
        }
    if all(row.probabilities is not None for row in rows):
        scores |= _of_probabilities(rows, list(names))
    return scores


def tally(rows: Sequence[Prediction]) -> np.ndarray:
    names = np.array(label_set(rows))
    gold = np.array([row.gold for row in rows])[:, None] == names
    predicted = np.array([row.predicted for row in rows])[:, None] == names
    return np.stack([gold & predicted, ~gold & predicted, gold & ~predicted], axis=-1).astype(float)


def primary(counts: np.ndarray) -> np.ndarray:
    return f1(counts)


def confusion(rows: Sequence[Prediction]) -> list[tuple[str, str]]:
    return [(row.gold, row.predicted) for row in rows]


def _of_probabilities(rows: Sequence[Prediction], names: list[str]) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    gold = np.array([row.gold for row in rows])
    probabilities = np.array([[row.probabilities.get(name, 0.0) for name in names] for row in rows])
    confidence = np.array([row.probabilities[row.predicted] for row in rows])  # not always the maximum
    scores = {"ece": ece(confidence, np.array([row.correct for row in rows], dtype=float))}
    if set(gold) == set(names) and len(names) > 1:  # undefined if a label is missing
        areas = [roc_auc_score(gold == name, probabilities[:, i]) for i, name in enumerate(names)]
        scores["auroc"] = float(np.mean(areas))
    return scores
