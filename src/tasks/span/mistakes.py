"""The mistakes of task `span`: categories, display of a row, and the vote of an ensemble."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np

from src.core.records import Example, Prediction
from src.tasks import extents
from src.tasks.span.decoding import viterbi
from src.text.words import Offsets, locate, spans_of

RIGHT = extents.RIGHT


def categories(rows: Sequence[Prediction]) -> list[str]:
    return [_category(row) for row in rows]


def _category(row: Prediction) -> str:
    if row.gold == row.predicted:
        return RIGHT
    gold, predicted = ([(first, end) for first, end, _ in spans_of(tags)] for tags in (row.gold, row.predicted))
    return extents.category(gold, predicted)


def target_length(row: Prediction) -> int | None:
    """The number of words in the gold spans; 0 without gold spans."""
    return sum(end - first for first, end, _ in spans_of(row.gold))


def confidence(row: Prediction) -> float | None:
    """The mean probability of the predicted tags."""
    return fmean(row.probabilities) if row.probabilities else None


def spelled(row: Prediction, answer: Any) -> str:
    """Returns the words of each span."""
    words = row.tokens or [str(position) for position in range(len(answer or []))]
    return " | ".join(" ".join(words[first:end]) for first, end, _ in spans_of(answer or [])) or "-"


def described(row: Prediction) -> str:
    spans = []
    for first, end, kind in spans_of(row.predicted):
        score = "" if row.probabilities is None else f" {fmean(row.probabilities[first:end]):.3f}"
        spans.append(f"{' '.join((row.tokens or [])[first:end])} ({kind}{score})")
    return ", ".join(spans) or "no span"


def marked(row: Prediction, example: Example | None) -> tuple[str, list[Offsets], list[Offsets]]:
    if not row.tokens:
        return ("" if example is None else example.text), [], []
    text, words = _located(row.tokens, example)
    gold, predicted = (
        [(words[first][0], words[end - 1][1]) for first, end, _ in spans_of(tags)] for tags in (row.gold, row.predicted)
    )
    return text, gold, predicted


def _located(tokens: Sequence[str], example: Example | None) -> tuple[str, list[Offsets]]:
    """Returns the sentence and the offsets of its words. Without a sentence, spaces join the words."""
    if example is not None:
        with suppress(ValueError):
            return example.text, locate(tokens, example.text)
    text = " ".join(tokens)
    return text, locate(tokens, text)


def can_average(row: Prediction) -> bool:
    """Always true: tags are combined by vote, with or without probabilities."""
    return True


def vote(rows: Sequence[Prediction], by_vote: bool) -> Prediction:
    """Each word gets the most frequent tag that is legal IOB2. The higher probability breaks ties."""
    kinds = sorted({tag[2:] for row in rows for tag in row.predicted if tag != "O"})
    labels = ["O", *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI")]
    votes, sums = np.zeros((2, len(rows[0].predicted), len(labels)))
    for row in rows:
        for word, tag in enumerate(row.predicted):
            votes[word, labels.index(tag)] += 1
            sums[word, labels.index(tag)] += row.probabilities[word] if row.probabilities else 0.0
    path = viterbi(votes + sums / (len(rows) + 1), labels)
    known = all(row.probabilities is not None for row in rows)
    tags = [labels[best] for best in path]
    spans = [row.predicted_spans for row in rows if row.predicted == tags]  # otherwise their offsets are not known
    return replace(
        rows[0],
        predicted=tags,
        correct=None if rows[0].gold is None else tags == rows[0].gold,
        probabilities=[float(sums[word, best]) / len(rows) for word, best in enumerate(path)] if known else None,
        predicted_spans=spans[0] if spans else None,
    )
