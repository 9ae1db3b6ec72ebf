"""Task `span`: one IOB2 tag per word; the first sub-word of a word speaks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from src.core.records import Example, Prediction
from src.tasks.alignment import Encoding
from src.tasks.counts import f1
from src.tasks.loss import IGNORED, cross_entropy, log_softmax
from src.text.words import follows, locate, spans_of

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig


class Span:
    name = "span"
    primary_metric = "span_f1"
    auto_class = "AutoModelForTokenClassification"
    pooled = False
    labelled = True
    windowed = False
    settings: Mapping[str, float] = MappingProxyType({})

    def labels(self, examples: Sequence[Example], declared: Sequence[str]) -> list[str]:
        """O, then B- and I- of each kind of span."""
        kinds = {label for example in examples for _, _, label in spans_of(example.tags or [])}
        return ["O", *(f"{prefix}-{kind}" for kind in sorted(kinds) for prefix in "BI")] if kinds else []

    def encode(self, example: Example, encoding: Encoding, labels: Sequence[str]) -> list[int]:
        targets = [IGNORED] * len(encoding.inputs["input_ids"])
        if example.tags is None:
            return targets
        index = {label: i for i, label in enumerate(labels)}
        for position, tag in zip(encoding.first_subwords, example.tags, strict=True):
            if position is not None and targets[position] == IGNORED:  # of two words in one sub-word, the first
                targets[position] = index[tag]
        return targets

    def head(self, config: PretrainedConfig, labels: Sequence[str]) -> torch.nn.Module:
        """A dropout and a linear layer over each state. Shape: (B, T, H) to (B, T, L)."""
        from torch import nn

        return nn.Sequential(nn.Dropout(0.1), nn.Linear(config.hidden_size, len(labels)))

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
        """A word in several windows has the mean of their logits; one that was cut off is O with probability 0."""
        places = list(zip(*(window.first_subwords for window in windows), strict=True))  # per word, in each window
        log_p = np.full((len(places), len(labels)), -np.inf)
        log_p[:, list(labels).index("O")] = 0.0
        is_read = [any(position is not None for position in positions) for positions in places]
        for word, positions in enumerate(places):
            if is_read[word]:
                found = [own[i] for own, i in zip(logits, positions, strict=True) if i is not None]
                log_p[word] = log_softmax(np.mean(found, axis=0))
        path = viterbi(log_p, labels)
        probabilities = [float(np.exp(log_p[w, best])) if is_read[w] else 0.0 for w, best in enumerate(path)]
        return prediction(example, [labels[best] for best in path], probabilities)

    def calibrate(self, decoded: Callable[[Mapping[str, float]], Sequence[Prediction]]) -> dict[str, float]:
        return {}

    def score(self, rows: Sequence[Prediction]) -> dict[str, float]:
        """Source: seqeval, mode strict with IOB2, micro average; `span_f1_lenient`: its default, as conlleval."""
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

    def tally(self, rows: Sequence[Prediction]) -> np.ndarray:
        counts = np.zeros((len(rows), 1, 3))
        for i, row in enumerate(rows):
            gold, predicted = set(spans_of(row.gold)), set(spans_of(row.predicted))
            counts[i, 0] = len(gold & predicted), len(predicted - gold), len(gold - predicted)
        return counts

    def primary(self, counts: np.ndarray) -> np.ndarray:
        return f1(counts)

    def confusion(self, rows: Sequence[Prediction]) -> list[tuple[str, str]]:
        return [pair for row in rows for pair in zip(row.gold, row.predicted, strict=True)]


def prediction(example: Example, tags: list[str], probabilities: list[float] | None) -> Prediction:
    """Makes the prediction that tags over the words of an example amount to."""
    words = example.tokens or []
    return Prediction(
        id=example.id,
        split=example.split,
        group=example.group,
        task=Span.name,
        gold=example.tags,
        predicted=tags,
        correct=None if example.tags is None else tags == example.tags,
        probabilities=probabilities,
        tokens=words,
        gold_spans=None if example.tags is None else _in_characters(example, example.tags),
        predicted_spans=_in_characters(example, tags),
    )


def _in_characters(example: Example, tags: Sequence[str]) -> list[list[Any]]:
    offsets = locate(example.tokens or [], example.text)
    return [[offsets[first][0], offsets[end - 1][1], label] for first, end, label in spans_of(tags)]


def viterbi(log_p: np.ndarray, labels: Sequence[str]) -> list[int]:
    """Finds the most probable sequence of labels that is legal IOB2.

    Args:
        log_p: log probability of each label for each word.

    Shape: log_p (W, L); returns W label indices.
    Source: Viterbi 1967; transitions are allowed or forbidden, nothing is learnt.
    """
    if not len(log_p):
        return []
    allowed = np.array([[follows(previous, tag) for tag in labels] for previous in labels])
    barred = np.where(allowed, 0.0, -np.inf)
    best = log_p[0] + barred[list(labels).index("O")]
    pointers = []
    for row in log_p[1:]:
        paths = best[:, None] + barred
        pointers.append(paths.argmax(axis=0))
        best = paths.max(axis=0) + row
    sequence = [int(best.argmax())]
    for pointer in reversed(pointers):
        sequence.append(int(pointer[sequence[-1]]))
    return sequence[::-1]
