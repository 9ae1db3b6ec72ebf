"""Several predictions of the same rows become one: mean probabilities, or a vote."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np

from src.analysis.same_rows import align
from src.core.records import Prediction, label_set
from src.core.user_errors import UserError
from src.tasks.span import viterbi

METHODS = ("mean", "vote")


def ensemble(files: Mapping[str, Sequence[Prediction]], method: str | None = None) -> list[Prediction]:
    """Combines the predictions of each row, whatever the order of the files; one file comes out as it went in.

    Args:
        method: of labels; mean: the label of the highest mean probability; vote: that of most files. None: the mean
            where all rows of all files have probabilities. Tags and answers are always voted on.

    Raises:
        UserError: other rows in another file, or no probabilities to take the mean of.
    """
    aligned = align(files)
    if len(aligned) == 1:
        return next(iter(aligned.values()))
    lacking = [f"row {row.id} of {name}" for name, rows in aligned.items() for row in rows if not _has_mean(row)]
    if method == "mean" and lacking:
        raise UserError(f"{lacking[0]} has no probabilities; take --method vote")
    by_vote = method == "vote" or bool(lacking)
    return [VOTES[rows[0].task](rows, by_vote) for rows in zip(*aligned.values(), strict=True)]


def _has_mean(row: Prediction) -> bool:
    return row.task != "cls" or row.probabilities is not None


def _labels(rows: Sequence[Prediction], by_vote: bool) -> Prediction:
    known = all(row.probabilities is not None for row in rows)
    labels = label_set(rows)
    means = {label: fmean((row.probabilities or {}).get(label, 0.0) for row in rows) for label in labels}
    votes = {label: sum(row.predicted == label for row in rows) for label in labels}
    order = [votes, means] if by_vote else [means, votes]
    predicted = max(labels, key=lambda label: tuple(found[label] for found in order))
    return _with(rows[0], predicted, means if known else None)


def _tags(rows: Sequence[Prediction], _: bool) -> Prediction:
    """Each word's tag is that of most files, of equally many the one they are surer of, as far as IOB2 allows."""
    kinds = sorted({tag[2:] for row in rows for tag in row.predicted if tag != "O"})
    labels = ["O", *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI")]
    votes, sure = np.zeros((2, len(rows[0].predicted), len(labels)))
    for row in rows:
        for word, tag in enumerate(row.predicted):
            votes[word, labels.index(tag)] += 1
            sure[word, labels.index(tag)] += row.probabilities[word] if row.probabilities else 0.0
    path = viterbi(votes + sure / (len(rows) + 1), labels)
    known = all(row.probabilities is not None for row in rows)
    probabilities = [float(sure[word, best]) / len(rows) for word, best in enumerate(path)] if known else None
    tags = [labels[best] for best in path]
    spans = [row.predicted_spans for row in rows if row.predicted == tags]  # else their characters are not known here
    return replace(_with(rows[0], tags, probabilities), predicted_spans=spans[0] if spans else None)


def _answer(rows: Sequence[Prediction], _: bool) -> Prediction:
    """The answer (or none) of most files, of equally many the one with the greatest margin over having none."""
    margins: dict[tuple[int, ...], list[float]] = defaultdict(list)
    for row in rows:
        sign = -1 if row.predicted is None else 1
        margins[tuple(row.predicted or ())].append(sign * ((row.score or 0.0) - (row.null_score or 0.0)))
    chosen = max(margins, key=lambda answer: (len(margins[answer]), sum(margins[answer]), answer))
    model = next(row for row in rows if tuple(row.predicted or ()) == chosen)
    return replace(model, score=None, null_score=None)


def _with(row: Prediction, predicted: Any, probabilities: Any) -> Prediction:
    correct = None if row.gold is None else predicted == row.gold
    return replace(row, predicted=predicted, correct=correct, probabilities=probabilities)


VOTES: dict[str, Callable[[Sequence[Prediction], bool], Prediction]] = {
    "cls": _labels,
    "span": _tags,
    "evidence": _answer,
}
