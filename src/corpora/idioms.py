"""Reader `idioms`: CSV files with one idiom per sentence, as a span in characters, in words and as IOB2 tags.

Columns: id, sentence, base_pie (the idiom), pie_span (its text), label (position in the label set), label_str,
tokens and iob_tags (Python list literals), start_token, end_token, num_tokens, char_mask (one digit a character),
start_char, end_char, split. Ends are exclusive. Columns beyond these are allowed.
Source of the format: the Hebrew idiom corpus, github.com/igornazarenko434/hebrew-idiom-detection.
"""

import ast
import csv
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from src.corpora.corpus_file import Corpus
from src.corpora.rows import Row, refusal, utf8_lines
from src.errors import UserError
from src.records import Example
from src.words import locate, spans_of

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


def read(path: Path, corpus: Corpus) -> Iterator[Row]:
    """Yields the rows of one file.

    Raises:
        UserError: missing column, ragged row, a list that is none, or a row whose columns contradict one another.
    """
    table = csv.DictReader(utf8_lines(path), strict=True)
    try:
        missing = [name for name in REQUIRED if name not in (table.fieldnames or [])]
        if missing:
            raise UserError(f"{path}, row 1: no column '{missing[0]}'; the columns are {table.fieldnames}")
        for number, cells in enumerate(table, start=2):
            yield _row(path, number, cells, corpus)
    except csv.Error as error:
        raise UserError(f"{path}, line {table.line_num}: not CSV: {error}") from error


def _row(path: Path, number: int, cells: dict[str, Any], corpus: Corpus) -> Row:
    if None in cells or None in cells.values():
        raise UserError(f"{path}, row {number}: {len(cells)} columns expected; the row has more or fewer cells")
    example = Example(
        id=cells["id"],
        text=unicodedata.normalize("NFC", cells["sentence"]),
        group=cells["base_pie"] or None,
        label=cells["label_str"],
        tokens=_list(path, number, cells, "tokens"),
        tags=_list(path, number, cells, "iob_tags"),
        split=corpus.splits.get(cells["split"], cells["split"]),
    )
    for column, expected in _derived(example, cells, corpus).items():
        if cells[column] != expected:
            raise refusal(path, number, column, cells[column], f"{expected!r} follows from the other columns")
    return Row(example, path, number, COLUMNS)


def _list(path: Path, number: int, cells: dict[str, str], column: str) -> list[str]:
    try:
        value = ast.literal_eval(cells[column])
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise refusal(path, number, column, cells[column], "a Python list of strings is expected")
    return [unicodedata.normalize("NFC", item) for item in value]


def _derived(example: Example, cells: dict[str, str], corpus: Corpus) -> dict[str, str]:
    """Says what the redundant columns must hold, given text, label, words and tags."""
    derived = {"num_tokens": str(len(example.tokens or []))}
    if example.label in corpus.labels:
        derived["label"] = str(corpus.labels.index(example.label))
    spans = spans_of(example.tags or [])
    try:
        offsets = locate(example.tokens or [], example.text)
    except ValueError:
        return derived  # the general checks name the word that is not in the text
    if len(spans) != 1 or spans[0][1] > len(offsets):
        return derived
    first, end, _ = spans[0]
    start_char, end_char = offsets[first][0], offsets[end - 1][1]
    as_written = len(cells["sentence"]) == len(example.text)  # else the file counts characters that NFC joined
    characters = {
        "start_char": str(start_char),
        "end_char": str(end_char),
        "char_mask": "0" * start_char + "1" * (end_char - start_char) + "0" * (len(example.text) - end_char),
        "pie_span": example.text[start_char:end_char],
    }
    return derived | {"start_token": str(first), "end_token": str(end)} | (characters if as_written else {})
