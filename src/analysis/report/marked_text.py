"""A wrong prediction as a reader sees it: its sentence, with what is gold and what is predicted marked in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from src.core.records import Example, Prediction
from src.tasks import TASKS
from src.text.words import Offsets

CONTEXT = 150  # characters shown on either side of what is marked in a long text


@dataclass(frozen=True)
class Mistake:
    """A row of the list of mistakes.

    Attributes:
        pieces: the text in pieces, each with whether it is gold, and whether it is predicted.
    """

    id: str
    group: str | None
    category: str
    gold: str
    predicted: str
    confidence: float | None
    pieces: list[tuple[str, bool, bool]]


def mistake(row: Prediction, category: str, example: Example | None) -> Mistake:
    """Spells a wrong prediction.

    Args:
        example: what was predicted; without it there is the text of a row's tokens alone.
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
    """Cuts a text where marks begin and end, and says of each piece whether it is gold and whether it is predicted.

    What is far from any mark is left out of a long text.

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
