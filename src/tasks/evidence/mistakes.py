"""The mistakes of task `evidence`: categories, display of a row, and the vote of an ensemble."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from src.core.records import Example, Prediction
from src.tasks import extents
from src.tasks.alignment import searched_text
from src.text.words import Offsets

RIGHT = extents.RIGHT


def categories(rows: Sequence[Prediction]) -> list[str]:
    return [
        RIGHT if row.correct else extents.category(row.gold, [row.predicted] if row.predicted else []) for row in rows
    ]


def target_length(row: Prediction) -> int | None:
    """The number of characters of the first answer; 0 if there is no answer."""
    return row.gold[0][1] - row.gold[0][0] if row.gold else 0


def confidence(row: Prediction) -> float | None:
    """The distance between the scores of the best answer and of no answer."""
    return None if row.score is None or row.null_score is None else abs(row.score - row.null_score)


def spelled(row: Prediction, answer: Any) -> str:
    """Returns the texts of answers, or their offsets if the row has no texts."""
    if not answer:
        return "-"
    extents_of = answer if isinstance(answer[0], list) else [answer]
    texts = row.gold_texts if answer is row.gold else row.text and [row.text]
    return " | ".join(texts or [f"{start}-{end}" for start, end in extents_of])


def described(row: Prediction) -> str:
    return f"{row.text} (score {row.score:.3f}, no answer {row.null_score:.3f})" if row.predicted else "no answer"


def marked(row: Prediction, example: Example | None) -> tuple[str, list[Offsets], list[Offsets]]:
    if example is None:
        return "", [], []
    predicted: list[Offsets] = [tuple(row.predicted)] if row.predicted else []
    return searched_text(example), [(start, end) for start, end in row.gold], predicted


def can_average(row: Prediction) -> bool:
    """Always true: answers are combined by vote."""
    return True


def vote(rows: Sequence[Prediction], by_vote: bool) -> Prediction:
    """Returns the most frequent answer (or no answer). The largest margin over no answer breaks ties."""
    margins: dict[tuple[int, ...], list[float]] = defaultdict(list)
    for row in rows:
        sign = -1 if row.predicted is None else 1
        margins[tuple(row.predicted or ())].append(sign * ((row.score or 0.0) - (row.null_score or 0.0)))
    winner = max(margins, key=lambda answer: (len(margins[answer]), sum(margins[answer]), answer))
    row = next(row for row in rows if tuple(row.predicted or ()) == winner)
    return replace(row, score=None, null_score=None)
