"""Tokenises examples and aligns sub-words with words and characters.

The whole text is tokenised, not word by word, so that pipelines of transformers give a saved model the same input as in
training. Words and sub-words are aligned by character offsets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from src.core.records import Example
from src.core.user_errors import UserError
from src.text.words import Offsets, locate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Encoding:
    """A tokenised example, or one window of it.

    Attributes:
        inputs: model inputs: input_ids, attention_mask and others, T integers each.
        first_subwords: the position of the first sub-word of each word; None if it was cut off. Empty for an example
            without words.
        offsets: windows only: the characters of each sub-word of the searched text, without surrounding white space;
            None for special tokens, the other text of a pair, and pure white space.
        extent: windows only: the characters of the searched text in this window.

    Shape: inputs (T,), first_subwords (W,), offsets (T,).
    """

    inputs: dict[str, list[int]]
    first_subwords: list[int | None]
    offsets: list[Offsets | None] = field(default_factory=list)
    extent: Offsets = (0, 0)


def searched_text(example: Example) -> str:
    """Returns the text that is searched for answers: the second text of a pair, or the only text."""
    return example.text if example.text_pair is None else example.text_pair


def tokenize(
    examples: Sequence[Example],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    *,
    with_words: bool,
    stride: int | None = None,
) -> list[list[Encoding]]:
    """Tokenises examples and returns the windows of each. A pair has the pair format of the tokenizer.

    Args:
        max_length: sub-words of a window.
        with_words: align sub-words with the words of each example; needs a fast tokenizer.
        stride: None: an input longer than max_length is cut to one window. Otherwise the searched text is split into
            windows, and neighbouring windows share this number of sub-words; needs a fast tokenizer.

    Raises:
        UserError: the other text of a pair is too long for windows.
    """
    if stride is None:
        return [[_cut(example, tokenizer, max_length, with_words)] for example in examples]
    return [_windows(example, tokenizer, max_length, stride) for example in examples]


def _cut(example: Example, tokenizer: PreTrainedTokenizerBase, max_length: int, with_words: bool) -> Encoding:
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
    words = locate(example.tokens or [], example.text)
    subwords = _of_text(0, encoded["offset_mapping"], encoded.sequence_ids())
    return Encoding(inputs, first_subwords(subwords, words, example.text))


def _windows(example: Example, tokenizer: PreTrainedTokenizerBase, max_length: int, stride: int) -> list[Encoding]:
    searched = 0 if example.text_pair is None else 1
    texts: dict[str, Any] = {"text": [example.text]}
    if example.text_pair is not None:
        texts["text_pair"] = [example.text_pair]
    encoded = tokenizer(**texts, truncation=False, return_offsets_mapping=True, verbose=False)
    length = len(encoded["input_ids"][0])
    if length > max_length:
        other = length - encoded.sequence_ids(0).count(searched)
        if max_length - other <= stride:  # the tokenizer would crash
            raise UserError(
                f"train.max_length: {max_length} is too short for windows of example '{example.id}': {other} sub-words "
                f"are not searched, and windows share train.stride: {stride}; raise max_length or lower stride"
            )
        encoded = tokenizer(
            **texts,
            truncation=("only_first", "only_second")[searched],
            max_length=max_length,
            stride=stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
    text = searched_text(example)
    words = locate(example.tokens or [], example.text)
    windows: list[Encoding] = []
    last = len(encoded["input_ids"]) - 1
    for i, mapping in enumerate(encoded["offset_mapping"]):
        sequences = encoded.sequence_ids(i)
        offsets = [_stripped(subword, text) for subword in _of_text(searched, mapping, sequences)]
        inside = [subword for subword in offsets if subword is not None]
        windows.append(
            Encoding(
                {name: encoded[name][i] for name in tokenizer.model_input_names if name in encoded},
                first_subwords(_of_text(0, mapping, sequences), words, example.text),
                offsets,
                (inside[0][0] if i and inside else 0, inside[-1][1] if i < last and inside else len(text)),
            )
        )
    return windows


def _of_text(text: int, mapping: Sequence[Offsets], sequences: Sequence[int | None]) -> list[Offsets | None]:
    """Returns the offsets of the sub-words of one text of a pair; None for special tokens and the other text."""
    return [offsets if sequence == text else None for offsets, sequence in zip(mapping, sequences, strict=True)]


def _stripped(subword: Offsets | None, text: str) -> Offsets | None:
    if subword is None:
        return None
    start, end = _start(subword, text), subword[1]
    while start < end and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None


def first_subwords(subwords: Sequence[Offsets | None], words: Sequence[Offsets], text: str) -> list[int | None]:
    """Returns for each word the position of the first sub-word that shares a character with it.

    Leading white space of a sub-word does not count (byte-level and SentencePiece tokenizers include it). A sub-word
    that covers two words belongs to both.

    >>> first_subwords([None, (0, 2), (2, 5), (5, 9), None], [(0, 5), (6, 9)], "words and")
    [1, 3]
    """
    firsts: list[int | None] = []
    position = 0
    for start, end in words:
        while position < len(subwords) and _end(subwords[position]) <= start:
            position += 1
        inside = position < len(subwords) and _start(subwords[position], text) < end
        firsts.append(position if inside else None)
    return firsts


def _end(subword: Offsets | None) -> int:
    return -1 if subword is None or subword[0] == subword[1] else subword[1]


def _start(subword: Offsets | None, text: str) -> int:
    assert subword is not None  # `first_subwords` skips None
    start, end = subword
    while start < end and text[start].isspace():
        start += 1
    return start
