"""Prepares a wrong prediction for a reader: marks the gold and the predicted parts in the sentence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from src.core.records import Example, Prediction
from src.tasks import TASKS
from src.text.words import Offsets

CONTEXT = 150  # characters shown before and after the marks in a long text


@dataclass(frozen=True)
class Mistake:
    """A row of the list of mistakes.

    Attributes:
        pieces: the parts of the text: (text, is gold, is predicted).
    """

    id: str
    group: str | None
    category: str
    gold: str
    predicted: str
    confidence: float | None
    pieces: list[tuple[str, bool, bool]]


def mistake(row: Prediction, category: str, example: Example | None) -> Mistake:
    """Formats a wrong prediction.

    Args:
        example: the example that was predicted. Without it, only rows with tokens have a text.
    """
    task = TASKS[row.task]
    text, gold, predicted = task.marked(row, example)
    return Mistake(
        id=row.id,
        group=row.group,
        category=category,
        gold=task.spelled(row, row.gold),
        predicted=task.spelled(row, row.predicted),
        confidence=task.confidence(row),
        pieces=list(pieces(text, gold, predicted)),
    )


def pieces(text: str, gold: Sequence[Offsets], predicted: Sequence[Offsets]) -> Iterator[tuple[str, bool, bool]]:
    """Cuts a text at the ends of marks. Yields (text, is gold, is predicted) for each piece.

    Of a long text, the parts far from all marks are omitted.

    >>> list(pieces("abcd", [(1, 3)], [(2, 4)]))
    [('a', False, False), ('b', True, False), ('c', True, True), ('d', False, True)]
    """
    ends = [position for extent in (*gold, *predicted) for position in extent]
    low = max(0, min(ends, default=0) - CONTEXT)
    high = min(len(text), max(ends) + CONTEXT) if ends else len(text)
    if low > 0:
        yield "… ", False, False
    for start, end in pairwise(sorted({low, high, *ends})):
        yield text[start:end], _covers(gold, start), _covers(predicted, start)
    if high < len(text):
        yield " …", False, False


def _covers(extents: Sequence[Offsets], position: int) -> bool:
    return any(start <= position < end for start, end in extents)
