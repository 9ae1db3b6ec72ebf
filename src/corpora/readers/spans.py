"""Converts spans, given by offsets or by text, into offsets of the NFC text and into tags of its words."""

import re
import unicodedata

from src.corpora.rows import nfc
from src.text.words import split_words, tags_of


def moved(text: str, start: int, end: int) -> list[int]:
    """Returns [start, end] of a span of `text` in its NFC form.

    Raises:
        ValueError: the span is empty, outside the text, or cuts a character that NFC composes.

    >>> moved("cafe\\u0301 noir", 6, 10)
    [5, 9]
    """
    if not 0 <= start < end <= len(text):
        raise ValueError(f"[{start}, {end}] is not a span of a text of {len(text)} characters (ends are exclusive)")
    if unicodedata.is_normalized("NFC", text):
        return [start, end]
    first, last = len(nfc(text[:start])), len(nfc(text[:end]))
    if nfc(text)[first:last] != nfc(text[start:end]):
        raise ValueError(f"[{start}, {end}] cuts a composed character")
    return [first, last]


def occurrences(part: str, text: str) -> list[list[int]]:
    """Returns [start, end] of each occurrence of `part` in `text`; both are compared and counted in NFC.

    >>> occurrences("an", "banana")
    [[1, 3], [3, 5]]
    """
    return [[match.start(), match.end()] for match in re.finditer(re.escape(nfc(part)), nfc(text)) if part]


def tagged(text: str, span: list[int] | None, label: str) -> tuple[list[str], list[str]]:
    """Splits a text into words and tags the words that overlap the span.

    Raises:
        ValueError: the span touches no word.

    >>> tagged("He broke the ice.", [3, 16], "IDIOM")
    (['He', 'broke', 'the', 'ice', '.'], ['O', 'B-IDIOM', 'I-IDIOM', 'I-IDIOM', 'O'])
    """
    offsets = split_words(text)
    words = [text[start:end] for start, end in offsets]
    if span is None:
        return words, ["O"] * len(words)
    touched = [i for i, (start, end) in enumerate(offsets) if start < span[1] and end > span[0]]
    if not touched:
        raise ValueError(f"{span} touches no word")
    return words, tags_of([(touched[0], touched[-1] + 1, label)], len(words))
