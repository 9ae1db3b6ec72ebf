"""Turns cells under the column names of corpus.yaml into an Example, for the readers csv, jsonl and hub."""

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.core.records import Example
from src.core.user_errors import UserError
from src.corpora.corpus_file import Columns, Corpus
from src.corpora.readers import spans
from src.corpora.rows import Row, RowOrError, nfc, refusal

INPUTS = ("text", "text_pair")  # the columns that prediction needs; the others hold gold values


def required(corpus: Corpus, *, targets: bool) -> list[str]:
    """Returns the columns that a file must have: all that corpus.yaml names, or only the inputs among them."""
    return [column for field, column in corpus.columns.named.items() if targets or field in INPUTS]


def row(path: Path, number: int, cells: Mapping[str, Any], corpus: Corpus) -> RowOrError:
    """Makes one row, or returns the error that refuses it."""
    try:
        return _Cells(path, number, cells, corpus).row()
    except UserError as error:
        return error


@dataclass(frozen=True)
class _Cells:
    path: Path
    number: int
    cells: Mapping[str, Any]
    corpus: Corpus

    def row(self) -> Row:
        columns, named = self.columns, self.columns.named
        text, text_pair = self._text(columns.text) or "", self._text(columns.text_pair)
        tokens, tags = self._tags(text)
        example = Example(
            id=self._text(columns.id) if self._has(columns.id) else f"{self.path.name}-{self.number}",  # type: ignore[arg-type]
            text=text,
            text_pair=text_pair,
            group=self._text(columns.group) or None,
            label=self._text(columns.label) or None,
            tokens=tokens,
            tags=tags,
            answers=self._answers(),
            extra={field: _parsed(self.cells[column]) for field, column in columns.extra.items()},
            split=self._split(),
        )
        marked = columns.start or columns.span or named["text"]
        return Row(example, self.path, self.number, {"tokens": named["text"], "tags": marked, **named})

    @property
    def columns(self) -> Columns:
        return self.corpus.columns

    def _has(self, column: str | None) -> bool:
        return column in self.cells

    def _cell(self, column: str | None) -> Any:
        return None if column is None else self.cells.get(column)

    def _refuse(self, column: str | None, problem: str) -> UserError:
        return refusal(self.path, self.number, str(column), self._cell(column), problem)

    def _text(self, column: str | None) -> str | None:
        """A text, or a number as the file writes it; None if there is no such column."""
        if column is None:
            return None
        value = self._cell(column)
        if isinstance(value, str):
            return nfc(value)
        if isinstance(value, int | float) and column not in (self.columns.text, self.columns.text_pair):
            return json.dumps(value)
        if value is not None or column in (self.columns.text, self.columns.id):
            raise self._refuse(column, "a text is expected")
        return None

    def _split(self) -> str:
        name = self._text(self.columns.split) or ""
        return self.corpus.splits.get(name, name)

    def _tags(self, text: str) -> tuple[list[str] | None, list[str] | None]:
        columns = self.columns
        if self._has(columns.tags) and self._has(columns.tokens):
            if self._cell(columns.tags) in (None, ""):
                return None, None
            return [nfc(word) for word in self._strings(columns.tokens)], self._strings(columns.tags)
        if not (self._has(columns.span) or self._has(columns.start)):
            return None, None
        try:
            return spans.tagged(text, self._span(), self._text(columns.span_label) or "SPAN")
        except ValueError as error:
            raise self._refuse(columns.start if self._has(columns.start) else columns.span, str(error)) from error

    def _strings(self, column: str | None) -> list[str]:
        value = _parsed(self._cell(column))
        if isinstance(value, str):
            value = value.split()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._refuse(column, "a list of strings, or words separated by blanks, is expected")
        return value

    def _span(self) -> list[int] | None:
        """The marked span in the NFC text; None if the row marks no span."""
        columns = self.columns
        text, part = self.cells[str(columns.text)], self._text(columns.span)
        if self._has(columns.start) and self._has(columns.end):
            start, end = self._offset(columns.start), self._offset(columns.end)
            if start is None or end is None:
                if (start, end) != (None, None) or part:
                    raise ValueError("a span needs both start and end")
                return None
            span = spans.moved(text, start, end)
            if part is not None and nfc(text)[span[0] : span[1]] != part:
                raise self._refuse(columns.span, f"the text from {start} to {end} is {text[start:end]!r}")
            return span
        if not part:
            return None
        places = spans.occurrences(part, text)
        if len(places) != 1:
            problem = f"occurs {len(places)} times in the text; name columns start and end"
            raise ValueError(f"the span {problem if places else 'is not in the text'}")
        return places[0]

    def _offset(self, column: str | None) -> int | None:
        value = self._cell(column)
        if value is None or value == "":
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value.isdecimal():
            return int(value)
        raise self._refuse(column, "a whole number is expected")

    def _answers(self) -> list[list[int]] | None:
        columns = self.columns
        if self._cell(columns.answers) is None:
            return None
        searched = self._cell(columns.text if columns.text_pair is None else columns.text_pair)
        value = _parsed(self._cell(columns.answers))
        if value == "":
            return []
        if value and searched is None:
            raise self._refuse(columns.text_pair, "the text that contains the answers is expected")
        answers: list[list[int]] = []
        try:
            if isinstance(value, dict):
                value = list(zip(value["text"], value["answer_start"], strict=True))
            for answer in [value] if isinstance(value, str) else value:
                answers += [span for span in _answer(answer, searched) if span not in answers]
        except ValueError as error:
            raise self._refuse(columns.answers, str(error)) from error
        except (KeyError, TypeError) as error:
            legal = "[start, end] pairs, texts, or {text: [...], answer_start: [...]} are expected"
            raise self._refuse(columns.answers, legal) from error
        return answers


def _answer(answer: Any, text: str) -> list[list[int]]:
    """All places of one answer: a text, (text, start) or [start, end]."""
    match answer:
        case str():
            places = spans.occurrences(answer, text)
            if not places:
                raise ValueError(f"the answer {answer!r} is not in the text")
            return places
        case [str(part), int(start)]:
            if not part or text[start : start + len(part)] != part:
                raise ValueError(f"the text at {start} is not the answer {part!r}")
            return [spans.moved(text, start, start + len(part))]
        case [int(start), int(end)]:
            return [spans.moved(text, start, end)]
    raise TypeError(answer)


def _parsed(value: Any) -> Any:
    """A list or mapping that a cell writes as JSON or as a Python literal; any other value is unchanged."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(value.strip())
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return value
