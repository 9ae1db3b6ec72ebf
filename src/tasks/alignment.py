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
    if not examples:
        return []
    texts = [example.text for example in examples]
    pairs = [example.text_pair for example in examples]
    batch = tokenizer(
        texts,
        text_pair=pairs if all(pair is not None for pair in pairs) else None,
        truncation=True,
        max_length=max_length,
        return_offsets_mapping=with_words,
    )
    inputs = [{name: batch[name][i] for name in batch if name != "offset_mapping"} for i in range(len(examples))]
    if not with_words:
        return [Encoding(fields, []) for fields in inputs]
    words = [locate(example.tokens or [], example.text) for example in examples]
    return [
        Encoding(fields, first_subwords(_of_text(batch, i), words[i], examples[i].text))
        for i, fields in enumerate(inputs)
    ]


def _of_text(batch, i: int) -> list[Offsets | None]:  # type: ignore[no-untyped-def]
    """Character offsets of each sub-word; None for special tokens and for those of the second text."""
    return [
        offsets if sequence == 0 else None
        for offsets, sequence in zip(batch["offset_mapping"][i], batch.sequence_ids(i), strict=True)
    ]


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
