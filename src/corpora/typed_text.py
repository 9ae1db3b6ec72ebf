"""Turns typed texts, or lines of a file, into examples: a text per line, a tab between the texts of a pair."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from src.core.records import Example
from src.core.user_errors import UserError
from src.corpora.rows import nfc
from src.text.words import split_words

SPLIT = "input"  # the split of texts without a split


def of_lines(lines: Iterable[str]) -> Iterator[Example | UserError]:
    """Reads a text per line, or two texts separated by a tab; empty lines are skipped."""
    for number, line in enumerate(lines, start=1):
        if not line.isascii() and line.encode(errors="replace").decode() != line:
            yield UserError(f"line {number} is not UTF-8: {line.rstrip()!r:.120}")
            continue
        text, _, pair = nfc(line.rstrip("\r\n")).partition("\t")
        if pair.strip() and not text.strip():
            yield UserError(f"line {number} has no text before its tab: {line.rstrip()!r:.120}")
        elif text.strip():
            yield with_words(Example(id=str(number), text=text, text_pair=pair or None, split=SPLIT))


def with_words(example: Example) -> Example:
    """Splits the text into words, if the example has no words."""
    if example.tokens is not None:
        return example
    return replace(example, tokens=[example.text[start:end] for start, end in split_words(example.text)])
