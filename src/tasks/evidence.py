"""Task `evidence`: the characters of a text that answer a question or bear out a criterion, or that there are none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from src.core.records import Example, Prediction
from src.tasks.alignment import Encoding, searched_text
from src.tasks.answers import best, best_threshold, exact, overlap
from src.tasks.loss import IGNORED, cross_entropy

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig

NULL = 0  # the position that stands for no answer: the first, [CLS] or <s>


class Evidence:
    """Windows, targets, loss and null score are those of Devlin et al. 2019 for SQuAD v2, as in transformers' run_qa.

    Settings: stride, sub-words that neighbouring windows share; max_answer_length, in sub-words; null_threshold, by
    how much the score of no answer must exceed that of the best answer.
    """

    name = "evidence"
    primary_metric = "evidence_f1"
    auto_class = "AutoModelForQuestionAnswering"
    pooled = False
    labelled = False
    windowed = True
    settings: Mapping[str, float] = MappingProxyType({"stride": 32, "max_answer_length": 30, "null_threshold": 0.0})

    def labels(self, examples: Sequence[Example], declared: Sequence[str]) -> list[str]:
        """What the two logits of a sub-word stand for."""
        return ["start", "end"] if any(example.answers is not None for example in examples) else []

    def encode(self, example: Example, encoding: Encoding, labels: Sequence[str]) -> list[int]:
        """First and last sub-word of the first answer that the window holds whole; else the null position, twice."""
        if example.answers is None:
            return [IGNORED, IGNORED]
        for start, end in example.answers:
            if encoding.extent[0] <= start and end <= encoding.extent[1]:
                inside = [i for i, own in enumerate(encoding.offsets) if own and own[0] < end and start < own[1]]
                if inside:
                    return [inside[0], inside[-1]]
        return [NULL, NULL]

    def head(self, config: PretrainedConfig, labels: Sequence[str]) -> torch.nn.Module:
        """A dropout and a linear layer over each state. Shape: (B, T, H) to (B, T, 2)."""
        from torch import nn

        return nn.Sequential(nn.Dropout(0.1), nn.Linear(config.hidden_size, len(labels)))

    def logits(self, output: Any) -> torch.Tensor:
        import torch

        return torch.stack([output.start_logits, output.end_logits], dim=-1)

    def loss(self, logits: torch.Tensor, targets: torch.Tensor, **_: Any) -> torch.Tensor:
        """Mean of the cross entropies of start and end, each over all positions of its window."""
        return cross_entropy(logits.transpose(1, 2), targets)

    def decode(
        self,
        logits: Sequence[np.ndarray],
        windows: Sequence[Encoding],
        example: Example,
        labels: Sequence[str],
        settings: Mapping[str, float],
    ) -> Prediction:
        """The best pair of all windows, unless the least of their null scores is better by more than the threshold."""
        span, score = None, None
        for own, window in zip(logits, windows, strict=True):
            inside = np.array([offsets is not None for offsets in window.offsets])
            pair = best_pair(own[: len(inside)], inside, int(settings["max_answer_length"]))
            if pair is not None and (score is None or pair[2] > score):
                first, last, score = window.offsets[pair[0]], window.offsets[pair[1]], pair[2]
                assert first is not None  # both are inside
                assert last is not None
                span = [first[0], last[1]]
        null_score = min(float(own[NULL].astype(float).sum()) for own in logits)
        if score is not None and null_score - score > settings["null_threshold"]:
            span = None
        return prediction(example, span, score, null_score)

    def calibrate(self, decoded: Callable[[Mapping[str, float]], Sequence[Prediction]]) -> dict[str, float]:
        """Chooses the threshold with the best F1."""
        answered = [
            (row.null_score - row.score, _scores(row)[1] - _scores(replace(row, predicted=None))[1])
            for row in decoded({"null_threshold": math.inf})
            if row.gold is not None and row.score is not None and row.null_score is not None
        ]
        if not answered:
            return {}
        differences, gains = np.array(answered).T
        return {"null_threshold": best_threshold(differences, gains)}

    def score(self, rows: Sequence[Prediction]) -> dict[str, float]:
        """Exact match and F1 over words, of all rows and of those with and without an answer, as far as there are any.

        Source: the SQuAD v2 evaluation script. Rows without texts are scored over characters, not words.
        """
        em, f1 = np.array([_scores(row) for row in rows]).T
        has_answer = np.array([bool(row.gold) for row in rows])
        scores = {"evidence_em": em, "evidence_f1": f1}
        if has_answer.any():
            scores |= {"evidence_em_has_answer": em[has_answer], "evidence_f1_has_answer": f1[has_answer]}
        if not has_answer.all():
            scores |= {"evidence_em_no_answer": em[~has_answer], "evidence_f1_no_answer": f1[~has_answer]}
        return {name: float(values.mean()) for name, values in scores.items()}

    def tally(self, rows: Sequence[Prediction]) -> np.ndarray:
        return np.array([[[_scores(row)[1], 1.0]] for row in rows])

    def primary(self, counts: np.ndarray) -> np.ndarray:
        return np.asarray(counts[..., 0, 0] / counts[..., 0, 1])

    def confusion(self, rows: Sequence[Prediction]) -> list[tuple[str, str]]:
        """Whether there is an answer, wherever it is."""
        names = ("no answer", "answer")
        return [(names[bool(row.gold)], names[row.predicted is not None]) for row in rows]


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
    """Makes the prediction that a span of the searched text, or none, amounts to.

    Args:
        score: of the best span, even if having no answer is preferred to it.
    """
    text = searched_text(example)
    gold = example.answers
    return Prediction(
        id=example.id,
        split=example.split,
        group=example.group,
        task=Evidence.name,
        gold=gold,
        predicted=span,
        correct=None if gold is None else (span in gold if gold else span is None),
        text="" if span is None else text[span[0] : span[1]],
        score=score,
        null_score=null_score,
        gold_texts=None if gold is None else [text[start:end] for start, end in gold],
    )


def _scores(row: Prediction) -> tuple[float, float]:
    """Exact match and F1 of a row."""
    golds = row.gold_texts if row.gold else []
    text = row.text if row.predicted else ""
    if golds is not None and text is not None:
        return best(exact, golds, text), best(overlap, golds, text)
    if not row.gold or row.predicted is None:
        return 0.0, 0.0  # one of both has an answer
    return float(row.predicted in row.gold), max(_shared(gold, row.predicted) for gold in row.gold)


def _shared(gold: Sequence[int], predicted: Sequence[int]) -> float:
    common = max(0, min(gold[1], predicted[1]) - max(gold[0], predicted[0]))
    return 2 * common / (gold[1] - gold[0] + predicted[1] - predicted[0])
