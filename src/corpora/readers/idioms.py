"""Reader `idioms`: CSV files with one idiom per sentence; the idiom is a span in characters, in words and in IOB2 tags.

Columns: id, sentence, base_pie (the idiom), pie_span (its text), label (position in the label set), label_str,
tokens and iob_tags (Python list literals), start_token, end_token, num_tokens, char_mask (a digit per character),
start_char, end_char, split. Ends are exclusive. Other columns are allowed.
Source of the format: the Hebrew idiom corpus, github.com/igornazarenko434/hebrew-idiom-detection.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from src.core.records import Example
from src.core.user_errors import UserError
from src.corpora.corpus_file import Corpus
from src.corpora.readers import delimited
from src.corpora.readers.delimited import Cells
from src.corpora.rows import Row, RowOrError, nfc, refusal
from src.text.words import invalid_tag, locate, spans_of

COLUMNS = {
    "id": "id",
    "text": "sentence",
    "group": "base_pie",
    "label": "label_str",
    "tokens": "tokens",
    "tags": "iob_tags",
    "split": "split",
}
REQUIRED = (*COLUMNS.values(), "label", "pie_span", "start_token", "end_token", "num_tokens", "char_mask",
            "start_char", "end_char")  # fmt: skip


def read(path: Path, corpus: Corpus, *, targets: bool = True) -> Iterator[RowOrError]:
    """Yields the rows of one file.

    A row is refused if a list is invalid, if columns contradict each other, or if the tags do not mark exactly one
    idiom.

    Args:
        targets: False: only the sentence column must be present; if any other is missing, words and tags are not read.

    Raises:
        UserError: a column is missing, or the header is not CSV or not UTF-8.
    """
    for number, cells in delimited.read(path, REQUIRED if targets else ["sentence"]):
        yield cells if isinstance(cells, UserError) else _row(path, number, cells, corpus)


def _row(path: Path, number: int, cells: Cells, corpus: Corpus) -> RowOrError:
    try:
        return _full(path, number, cells, corpus) if cells.keys() >= set(REQUIRED) else _input(path, number, cells)
    except UserError as error:
        return error


def _input(path: Path, number: int, cells: Cells) -> Row:
    example = Example(
        id=cells.get("id", f"{path.name}-{number}"),
        text=nfc(cells["sentence"]),
        group=nfc(cells.get("base_pie", "")) or None,
        label=cells.get("label_str") or None,
        split="",
    )
    return Row(example, path, number, COLUMNS)


def _full(path: Path, number: int, cells: Cells, corpus: Corpus) -> Row:
    words, tags = (_list(path, number, cells, column) for column in ("tokens", "iob_tags"))
    example = Example(
        id=cells["id"],
        text=nfc(cells["sentence"]),
        group=nfc(cells["base_pie"]) or None,
        label=cells["label_str"],
        tokens=[nfc(word) for word in words],
        tags=tags,
        split=corpus.splits.get(cells["split"], cells["split"]),
    )
    for column, expected in _derived(cells, words, tags, corpus).items():
        if cells[column] != expected:
            raise refusal(path, number, column, cells[column], f"the other columns imply {expected!r}")
    if invalid_tag(tags) is None and len(tags) == len(words) and len(spans_of(tags)) != 1:
        raise refusal(path, number, "iob_tags", cells["iob_tags"], f"one idiom is expected, not {len(spans_of(tags))}")
    return Row(example, path, number, COLUMNS)


def _list(path: Path, number: int, cells: Cells, column: str) -> list[str]:
    try:
        value = ast.literal_eval(cells[column])
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise refusal(path, number, column, cells[column], "a Python list of strings is expected")
    return value


def _derived(cells: Cells, words: list[str], tags: list[str], corpus: Corpus) -> dict[str, str]:
    """The values of the redundant columns, computed from text, label, words and tags before NFC."""
    sentence = cells["sentence"]
    derived = {"num_tokens": str(len(words))}
    if cells["label_str"] in corpus.labels:
        derived["label"] = str(corpus.labels.index(cells["label_str"]))
    try:
        offsets = locate(words, sentence)
    except ValueError:
        return derived  # the intake checks report the word that is not in the text
    spans = spans_of(tags)
    if invalid_tag(tags) is not None or len(tags) != len(words) or len(spans) != 1:
        return derived  # the checks of tags report it
    ((first, end, _),) = spans
    start_char, end_char = offsets[first][0], offsets[end - 1][1]
    return derived | {
        "start_token": str(first),
        "end_token": str(end),
        "start_char": str(start_char),
        "end_char": str(end_char),
        "char_mask": "0" * start_char + "1" * (end_char - start_char) + "0" * (len(sentence) - end_char),
        "pie_span": sentence[start_char:end_char],
    }
