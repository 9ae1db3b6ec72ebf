"""A wrong prediction as a reader sees it: its sentence, with what is gold and what is predicted marked in it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

from src.analysis import error_categories
from src.core.records import Example, Prediction
from src.text.words import Offsets, locate, spans_of

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
    text, gold, predicted = _marked(row, example)
    return Mistake(
        id=row.id,
        group=row.group,
        category=category,
        gold=error_categories.spelt(row, row.gold),
        predicted=error_categories.spelt(row, row.predicted),
        confidence=error_categories.confidence(row),
        pieces=list(pieces(text, gold, predicted)),
    )


def _marked(row: Prediction, example: Example | None) -> tuple[str, list[Offsets], list[Offsets]]:
    """The text of a row, and what of it is gold and what is predicted, in characters."""
    if row.task == "span" and row.tokens:
        text, words = _located(row.tokens, example)
        gold, predicted = (
            [(words[first][0], words[end - 1][1]) for first, end, _ in spans_of(tags)]
            for tags in (row.gold, row.predicted)
        )
        return text, gold, predicted
    if example is None:
        return "", [], []
    if row.task == "evidence":
        text = example.text if example.text_pair is None else example.text_pair
        return text, [(start, end) for start, end in row.gold], [tuple(row.predicted)] if row.predicted else []
    return "\n".join(filter(None, (example.text, example.text_pair))), [], []


def _located(tokens: Sequence[str], example: Example | None) -> tuple[str, list[Offsets]]:
    """The words in their sentence; side by side where there is none, or where its words are others."""
    if example is not None:
        with suppress(ValueError):
            return example.text, locate(tokens, example.text)
    text = " ".join(tokens)
    return text, locate(tokens, text)


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
