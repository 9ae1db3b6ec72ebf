"""Turns logits per sub-word into legal IOB2 tags per word, and joins spans of the idiom lexicon and of a model."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from src.core.records import Example, Prediction
from src.tasks.alignment import Encoding
from src.tasks.loss import log_softmax
from src.tasks.span.row import NAME
from src.text.lexicon import Lexicon
from src.text.words import Span, follows, locate, spans_of, tags_of


def decode(
    logits: Sequence[np.ndarray],
    windows: Sequence[Encoding],
    example: Example,
    labels: Sequence[str],
    settings: Mapping[str, float],
) -> Prediction:
    """Averages the logits of a word over its windows. A word that was cut off is O with probability 0."""
    places = list(zip(*(window.first_subwords for window in windows), strict=True))  # per word, in each window
    log_p = np.full((len(places), len(labels)), -np.inf)
    log_p[:, list(labels).index("O")] = 0.0
    is_read = [any(position is not None for position in positions) for positions in places]
    for word, positions in enumerate(places):
        if is_read[word]:
            of_word = [window[i] for window, i in zip(logits, positions, strict=True) if i is not None]
            log_p[word] = log_softmax(np.mean(of_word, axis=0))
    path = viterbi(log_p, labels)
    probabilities = [float(np.exp(log_p[w, best])) if is_read[w] else 0.0 for w, best in enumerate(path)]
    return prediction(example, [labels[best] for best in path], probabilities)


def viterbi(log_p: np.ndarray, labels: Sequence[str]) -> list[int]:
    """Finds the most probable sequence of labels that is legal IOB2.

    Args:
        log_p: log probability of each label for each word.

    Shape: log_p (W, L); returns W label indices.
    Source: Viterbi 1967. A transition is allowed or forbidden; transitions have no trained weights.
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


def prediction(example: Example, tags: list[str], probabilities: list[float] | None) -> Prediction:
    """Builds the prediction from one tag per word."""
    words = example.tokens or []
    return Prediction(
        id=example.id,
        split=example.split,
        group=example.group,
        task=NAME,
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


def calibrate(decoded: Callable[[Mapping[str, float]], Sequence[Prediction]]) -> dict[str, float]:
    """This task has no settings that validation chooses."""
    return {}


def most_frequent_kind(train: Sequence[Example]) -> str:
    """Returns the most frequent kind of span in train."""
    kinds = Counter(kind for example in train for _, _, kind in spans_of(example.tags or []))
    return kinds.most_common(1)[0][0]


def from_lexicon(example: Example, lexicon: Lexicon, kind: str) -> Prediction:
    """Predicts the canonical idioms that match in a sentence. The prediction has no probabilities."""
    words = example.tokens or []
    spans = [(first, end, kind) for first, end, _ in lexicon.find(words)]
    return prediction(example, tags_of(spans, len(words)), None)


def complete(row: Prediction, matched: Prediction) -> Prediction:
    """Returns the spans of the lexicon if the model has no span in the sentence."""
    return row if spans_of(row.predicted) else _with_spans(row, matched, spans_of(matched.predicted))


def restrict(row: Prediction, matched: Prediction) -> Prediction:
    """Returns each span of the lexicon that overlaps a span of the model, with the kind of that span."""
    model_spans = spans_of(row.predicted)
    spans = []
    for first, end, _ in spans_of(matched.predicted):
        kinds = [kind for start, stop, kind in model_spans if start < end and first < stop]
        spans += [(first, end, kind) for kind in kinds[:1]]
    return _with_spans(row, matched, spans)


LEXICON_RULES = MappingProxyType({"complete": complete, "restrict": restrict})


def _with_spans(row: Prediction, matched: Prediction, spans: Sequence[Span]) -> Prediction:
    """Replaces the spans of a row by spans of `matched`. The model has no probabilities for them."""
    tags = tags_of(spans, len(row.predicted))
    if tags == row.predicted:
        return row
    places = zip(spans_of(matched.predicted), matched.predicted_spans or [], strict=True)
    offsets = {(first, end): place[:2] for (first, end, _), place in places}  # {words: characters}
    return replace(
        row,
        predicted=tags,
        correct=None if row.gold is None else tags == row.gold,
        probabilities=None,
        predicted_spans=[[*offsets[first, end], kind] for first, end, kind in spans],
    )
