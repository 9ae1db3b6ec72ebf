"""Words of a text, and spans of words: tokenisation, character offsets and IOB2 tags.

White space separates words. Each punctuation mark at the start or end of a word is a word itself. Punctuation inside a
word (acronyms such as צה"ל), hyphens and the maqaf stay in the word.
"""

import unicodedata
from collections.abc import Sequence

Offsets = tuple[int, int]  # start and end in characters, end exclusive
Span = tuple[int, int, str]  # first word, end word (exclusive), label

HYPHENS = "-\u05be"


def split_words(text: str) -> list[Offsets]:
    """Splits a text into words.

    >>> [text[start:end] for text in ['"צה"ל" – אמר.'] for start, end in split_words(text)]
    ['"', 'צה"ל', '"', '–', 'אמר', '.']
    """
    words: list[Offsets] = []
    start = 0
    for chunk in text.split():
        start = text.index(chunk, start)
        words += _peel(text, start, start + len(chunk))
        start += len(chunk)
    return words


def _peel(text: str, start: int, end: int) -> list[Offsets]:
    head, tail = start, end
    while head < tail and _is_peeled(text[head]):
        head += 1
    while tail > head and _is_peeled(text[tail - 1]):
        tail -= 1
    core = [(head, tail)] if head < tail else []
    return [(i, i + 1) for i in range(start, head)] + core + [(i, i + 1) for i in range(tail, end)]


def _is_peeled(character: str) -> bool:
    return unicodedata.category(character).startswith("P") and character not in HYPHENS


def locate(words: Sequence[str], text: str) -> list[Offsets]:
    """Returns the offsets of words in a text. The words occur there in this order.

    Raises:
        ValueError: a word does not occur after the previous word; the message is that word.
    """
    offsets: list[Offsets] = []
    end = 0
    for word in words:
        start = text.find(word, end)
        if start < 0 or not word:
            raise ValueError(word)
        end = start + len(word)
        offsets.append((start, end))
    return offsets


def invalid_tag(tags: Sequence[str]) -> int | None:
    """Returns the position of the first tag that breaks IOB2 (an I-X must follow B-X or I-X), or None.

    >>> invalid_tag(["O", "B-IDIOM", "I-IDIOM", "O"]), invalid_tag(["O", "I-IDIOM"])
    (None, 1)
    """
    for position, tag in enumerate(tags):
        previous = tags[position - 1] if position else "O"
        if tag != "O" and not follows(previous, tag):
            return position
    return None


def follows(previous: str, tag: str) -> bool:
    """Says whether `tag` may follow `previous` in IOB2. At the start, `previous` is O."""
    prefix, _, label = tag.partition("-")
    if prefix in ("O", "B"):
        return tag == "O" or (prefix == "B" and bool(label))
    return prefix == "I" and previous in (f"B-{label}", f"I-{label}")


def spans_of(tags: Sequence[str]) -> list[Span]:
    """Returns the spans of tags. A B- tag starts a span. An I- tag that continues no span is ignored.

    >>> spans_of(["O", "B-IDIOM", "I-IDIOM", "O"])
    [(1, 3, 'IDIOM')]
    """
    spans: list[Span] = []
    for position, tag in enumerate(tags):
        prefix, _, label = tag.partition("-")
        if prefix == "B":
            spans.append((position, position + 1, label))
        elif prefix == "I" and spans and spans[-1][1:] == (position, label):
            spans[-1] = (spans[-1][0], position + 1, label)
    return spans


def tags_of(spans: Sequence[Span], length: int) -> list[str]:
    """Returns the IOB2 tags of `length` words with these spans; the inverse of `spans_of`."""
    tags = ["O"] * length
    for first, end, label in spans:
        tags[first:end] = [f"B-{label}"] + [f"I-{label}"] * (end - first - 1)
    return tags
