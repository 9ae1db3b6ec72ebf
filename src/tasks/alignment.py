"""Text to sub-words and back: tokenisation of an example, and which sub-word stands for which word.

The text is tokenised as it stands, not word by word, so that a saved model sees in transformers' pipelines what it saw
in training; words and sub-words are matched by their characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.records import Example
from src.words import Offsets, locate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Encoding:
    """An example as a tokenizer gives it.

    Attributes:
        inputs: what the model takes: input_ids and its companions, T integers each.
        first_subwords: for each word of the example the position of its first sub-word; None where it was cut off.
            Empty for an example without words.

    Shape: inputs (T,), first_subwords (W,).
    """

    inputs: dict[str, list[int]]
    first_subwords: list[int | None]


def tokenize(
    examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, max_length: int, *, with_words: bool
) -> list[Encoding]:
    """Tokenises examples, pairs in the tokenizer's own pair format, cut to `max_length` sub-words.

    Args:
        with_words: align sub-words with the words of each example; needs a fast tokenizer.
    """
    return [_tokenize(example, tokenizer, max_length, with_words) for example in examples]


def _tokenize(example: Example, tokenizer: PreTrainedTokenizerBase, max_length: int, with_words: bool) -> Encoding:
    encoded = tokenizer(
        example.text,
        text_pair=example.text_pair,
        truncation=True,
        max_length=max_length,
        return_offsets_mapping=with_words,
    )
    inputs = {name: encoded[name] for name in encoded if name != "offset_mapping"}
    if not with_words:
        return Encoding(inputs, [])
    subwords = [
        offsets if sequence == 0 else None  # None: special tokens, and the second text
        for offsets, sequence in zip(encoded["offset_mapping"], encoded.sequence_ids(), strict=True)
    ]
    return Encoding(inputs, first_subwords(subwords, locate(example.tokens or [], example.text), example.text))


def first_subwords(subwords: Sequence[Offsets | None], words: Sequence[Offsets], text: str) -> list[int | None]:
    """Finds for each word the first sub-word that shares a character with it.

    A sub-word's leading white space does not count (byte-level and SentencePiece tokenizers include it). A sub-word
    that covers two words stands for both.

    >>> first_subwords([None, (0, 2), (2, 5), (5, 9), None], [(0, 5), (6, 9)], "words and")
    [1, 3]
    """
    found: list[int | None] = []
    position = 0
    for start, end in words:
        while position < len(subwords) and _end(subwords[position]) <= start:
            position += 1
        inside = position < len(subwords) and _start(subwords[position], text) < end
        found.append(position if inside else None)
    return found


def _end(subword: Offsets | None) -> int:
    return -1 if subword is None or subword[0] == subword[1] else subword[1]


def _start(subword: Offsets | None, text: str) -> int:
    assert subword is not None  # _end sorts the others out
    start, end = subword
    while start < end and text[start].isspace():
        start += 1
    return start
