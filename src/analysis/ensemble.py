"""Several predictions of the same rows become one: mean probabilities, or a vote."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np

from src.analysis.aligned import align
from src.errors import UserError
from src.records import Prediction
from src.tasks.span import viterbi

METHODS = ("mean", "vote")


def ensemble(files: Mapping[str, Sequence[Prediction]], method: str | None = None) -> list[Prediction]:
    """Combines the predictions of each row; one file comes out as it went in.

    Args:
        method: of labels; mean: the label of the highest mean probability; vote: that of most files. None: the mean
            where all rows have probabilities. Tags and answers are always voted on.

    Raises:
        UserError: other rows in another file, or no probabilities to take the mean of.
    """
    aligned = align(files)
    return [_combined(rows, method) for rows in zip(*aligned.values(), strict=True)]


def _combined(rows: Sequence[Prediction], method: str | None) -> Prediction:
    if len(rows) == 1:
        return rows[0]
    if rows[0].task == "cls":
        return _labels(rows, method)
    return VOTES[rows[0].task](rows)


def _labels(rows: Sequence[Prediction], method: str | None) -> Prediction:
    known = all(row.probabilities is not None for row in rows)
    if method == "mean" and not known:
        raise UserError(f"row {rows[0].id} has no probabilities in one of the files; take --method vote")
    labels = dict.fromkeys(label for row in rows for label in row.probabilities or (row.predicted,))
    means = {label: fmean((row.probabilities or {}).get(label, 0.0) for row in rows) for label in labels}
    votes = {label: sum(row.predicted == label for row in rows) for label in labels}
    order = [votes, means] if method == "vote" or not known else [means, votes]
    predicted = max(labels, key=lambda label: tuple(found[label] for found in order))
    return _with(rows[0], predicted, means if known else None)


def _tags(rows: Sequence[Prediction]) -> Prediction:
    """Each word's tag is that of most files, of equally many the one they are surer of, as far as IOB2 allows."""
    tags = dict.fromkeys(tag for row in rows for tag in row.predicted)
    kinds = dict.fromkeys(tag[2:] for tag in tags if tag != "O")
    labels = ["O", *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI")]
    votes, sure = np.zeros((2, len(rows[0].predicted), len(labels)))
    for row in rows:
        for word, tag in enumerate(row.predicted):
            votes[word, labels.index(tag)] += 1
            sure[word, labels.index(tag)] += row.probabilities[word] if row.probabilities else 0.0
    path = viterbi(votes + sure / (len(rows) + 1), labels)
    known = all(row.probabilities is not None for row in rows)
    probabilities = [float(sure[word, best]) / len(rows) for word, best in enumerate(path)] if known else None
    combined = _with(rows[0], [labels[best] for best in path], probabilities)
    return replace(combined, predicted_spans=None)  # the text, and so the characters of a new span, are not known here


def _answer(rows: Sequence[Prediction]) -> Prediction:
    """The answer (or none) of most files, of equally many the one with the greatest margin over having none."""
    margins: dict[tuple[int, ...], list[float]] = defaultdict(list)
    for row in rows:
        sign = -1 if row.predicted is None else 1
        margins[tuple(row.predicted or ())].append(sign * ((row.score or 0.0) - (row.null_score or 0.0)))
    chosen = max(margins, key=lambda answer: (len(margins[answer]), sum(margins[answer])))
    model = next(row for row in rows if tuple(row.predicted or ()) == chosen)
    return replace(model, score=None, null_score=None)


def _with(row: Prediction, predicted: Any, probabilities: Any) -> Prediction:
    correct = None if row.gold is None else predicted == row.gold
    return replace(row, predicted=predicted, correct=correct, probabilities=probabilities)


VOTES: dict[str, Callable[[Sequence[Prediction]], Prediction]] = {"span": _tags, "evidence": _answer}
