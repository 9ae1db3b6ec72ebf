"""Task `cls`: one label for a text or a pair of texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from src.core.records import Example, Prediction, label_set
from src.tasks.alignment import Encoding
from src.tasks.counts import f1
from src.tasks.loss import IGNORED, cross_entropy, softmax

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig

ECE_BINS = 10


class Cls:
    name = "cls"
    primary_metric = "f1_macro"
    auto_class = "AutoModelForSequenceClassification"
    pooled = True
    labelled = True
    windowed = False
    settings: Mapping[str, float] = MappingProxyType({})

    def labels(self, examples: Sequence[Example], declared: Sequence[str]) -> list[str]:
        return list(declared) if any(example.label is not None for example in examples) else []

    def encode(self, example: Example, encoding: Encoding, labels: Sequence[str]) -> int:
        return IGNORED if example.label is None else list(labels).index(example.label)

    def head(self, config: PretrainedConfig, labels: Sequence[str]) -> torch.nn.Module:
        """What BERT has: a tanh layer over the pooled state, then a linear one. Shape: (B, H) to (B, L)."""
        from torch import nn

        width = config.hidden_size
        return nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Dropout(0.1), nn.Linear(width, len(labels)))

    def logits(self, output: Any) -> torch.Tensor:
        return output.logits

    def loss(
        self,
        logits: torch.Tensor,
        targets: torch.Tensor,
        *,
        class_weights: torch.Tensor | None = None,
        label_smoothing: float = 0.0,
        focal_gamma: float | None = None,
    ) -> torch.Tensor:
        return cross_entropy(logits, targets, class_weights, label_smoothing, focal_gamma)

    def decode(
        self,
        logits: Sequence[np.ndarray],
        windows: Sequence[Encoding],
        example: Example,
        labels: Sequence[str],
        settings: Mapping[str, float],
    ) -> Prediction:
        """The label of the mean over windows: in training each window has the label of the whole."""
        return prediction(example, labels, softmax(np.mean(logits, axis=0)))

    def calibrate(self, decoded: Callable[[Mapping[str, float]], Sequence[Prediction]]) -> dict[str, float]:
        return {}

    def score(self, rows: Sequence[Prediction]) -> dict[str, float]:
        """Source: scikit-learn; a label without gold or predictions scores zero. Calibration error: see `ece`."""
        from sklearn.metrics import precision_recall_fscore_support

        names = label_set(rows)
        gold, predicted = [row.gold for row in rows], [row.predicted for row in rows]
        precision, recall, f1, support = precision_recall_fscore_support(
            gold, predicted, labels=names, zero_division=0.0
        )
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

    def tally(self, rows: Sequence[Prediction]) -> np.ndarray:
        names = np.array(label_set(rows))
        gold = np.array([row.gold for row in rows])[:, None] == names
        predicted = np.array([row.predicted for row in rows])[:, None] == names
        return np.stack([gold & predicted, ~gold & predicted, gold & ~predicted], axis=-1).astype(float)

    def primary(self, counts: np.ndarray) -> np.ndarray:
        return f1(counts)

    def confusion(self, rows: Sequence[Prediction]) -> list[tuple[str, str]]:
        return [(row.gold, row.predicted) for row in rows]


def prediction(example: Example, labels: Sequence[str], probabilities: Sequence[float] | np.ndarray) -> Prediction:
    """Makes the prediction that probabilities over the labels amount to.

    Shape: probabilities (L,).
    """
    predicted = labels[int(np.argmax(probabilities))]
    return Prediction(
        id=example.id,
        split=example.split,
        group=example.group,
        task=Cls.name,
        gold=example.label,
        predicted=predicted,
        correct=None if example.label is None else predicted == example.label,
        probabilities={label: float(p) for label, p in zip(labels, probabilities, strict=True)},
    )


def _of_probabilities(rows: Sequence[Prediction], names: list[str]) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    gold = np.array([row.gold for row in rows])
    probabilities = np.array([[row.probabilities.get(name, 0.0) for name in names] for row in rows])
    confidence = np.array([row.probabilities[row.predicted] for row in rows])  # others may not predict the likeliest
    scores = {"ece": ece(confidence, np.array([row.correct for row in rows], dtype=float))}
    if set(gold) == set(names) and len(names) > 1:  # the area is not defined where a label, or any other, is missing
        areas = [roc_auc_score(gold == name, probabilities[:, i]) for i, name in enumerate(names)]
        scores["auroc"] = float(np.mean(areas))
    return scores


def ece(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Expected calibration error over ten bins of equal width.

    Args:
        confidence: probability of the predicted label, in [0, 1].
        correct: 1.0 where that label is the gold one, else 0.0.

    Shape: (N,), (N,).
    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, equation 3.

    >>> float(ece(np.array([0.8, 0.8, 0.8, 0.8]), np.array([1.0, 1.0, 1.0, 0.0])).__round__(6))
    0.05
    """
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = [abs(correct[bins == b].sum() - confidence[bins == b].sum()) for b in range(ECE_BINS)]
    return float(sum(gaps) / len(confidence))
