"""Cells under the column names of corpus.yaml become an Example: what the readers csv, jsonl and hub share."""

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.core.records import Example
from src.core.user_errors import UserError
from src.corpora.corpus_file import Corpus
from src.corpora.readers import spans
from src.corpora.rows import Found, Row, nfc, refusal

INPUTS = ("text", "text_pair")  # what a row must have to be predicted; the other columns say what is right


def required(corpus: Corpus, *, targets: bool) -> list[str]:
    """Returns the columns that a file must have: those that corpus.yaml names, or the inputs among them."""
    return [column for field, column in corpus.columns.named.items() if targets or field in INPUTS]


def row(path: Path, number: int, cells: Mapping[str, Any], corpus: Corpus) -> Found:
    """Makes one row, or says why it is refused."""
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
        columns = self.corpus.columns.named
        text, text_pair = self._text("text") or "", self._text("text_pair")
        tokens, tags = self._tags(text)
        example = Example(
            id=self._text("id") if self._has("id") else f"{self.path.name}-{self.number}",  # type: ignore[arg-type]
            text=text,
            text_pair=text_pair,
            group=self._text("group") or None,
            label=self._label(),
            tokens=tokens,
            tags=tags,
            answers=self._answers(),
            extra={field: _parsed(self.cells[column]) for field, column in self.corpus.columns.extra.items()},
            split=self._split(),
        )
        marked = columns.get("start", columns.get("span", columns["text"]))
        return Row(example, self.path, self.number, {"tokens": columns["text"], "tags": marked, **columns})

    def _has(self, field: str) -> bool:
        return getattr(self.corpus.columns, field) in self.cells

    def _cell(self, field: str) -> Any:
        return self.cells.get(getattr(self.corpus.columns, field))

    def _refuse(self, field: str, problem: str) -> UserError:
        return refusal(self.path, self.number, getattr(self.corpus.columns, field), self._cell(field), problem)

    def _text(self, field: str) -> str | None:
        """A text, or a number as the file writes it; None without such a column."""
        value = self._cell(field)
        if isinstance(value, str):
            return nfc(value)
        if isinstance(value, int | float) and field not in INPUTS:
            return json.dumps(value)
        if value is not None or field in ("text", "id"):
            raise self._refuse(field, "a text is expected")
        return None

    def _label(self) -> str | None:
        return self._text("label") or None

    def _split(self) -> str:
        name = self._text("split") or ""
        return self.corpus.splits.get(name, name)

    def _tags(self, text: str) -> tuple[list[str] | None, list[str] | None]:
        if self._has("tags") and self._has("tokens"):
            if self._cell("tags") in (None, ""):
                return None, None
            return [nfc(word) for word in self._strings("tokens")], self._strings("tags")
        if not (self._has("span") or self._has("start")):
            return None, None
        field = "start" if self._has("start") else "span"
        try:
            return spans.tagged(text, self._span(), self._text("span_label") or "SPAN")
        except ValueError as error:
            raise self._refuse(field, str(error)) from error

    def _strings(self, field: str) -> list[str]:
        value = _parsed(self._cell(field))
        if isinstance(value, str):
            value = value.split()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._refuse(field, "a list of strings, or words parted by blanks, is expected")
        return value

    def _span(self) -> list[int] | None:
        """The marked span in the NFC text; None where the row marks none."""
        text, part = self.cells[str(self.corpus.columns.text)], self._text("span")
        if self._has("start") and self._has("end"):
            start, end = self._offset("start"), self._offset("end")
            if start is None or end is None:
                if (start, end) != (None, None) or part:
                    raise ValueError("start and end of a span need one another")
                return None
            span = spans.moved(text, start, end)
            if part is not None and nfc(text)[span[0] : span[1]] != part:
                raise self._refuse("span", f"the text from {start} to {end} is {text[start:end]!r}")
            return span
        if not part:
            return None
        found = spans.occurrences(part, text)
        if len(found) != 1:
            problem = f"stands in the text {len(found)} times; name columns start and end" if found else "is not there"
            raise ValueError(f"the span {problem}")
        return found[0]

    def _offset(self, field: str) -> int | None:
        value = self._cell(field)
        if value is None or value == "":
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value.isdecimal():
            return int(value)
        raise self._refuse(field, "a whole number is expected")

    def _answers(self) -> list[list[int]] | None:
        if self._cell("answers") is None:
            return None
        searched = self._cell("text" if self.corpus.columns.text_pair is None else "text_pair")
        value = _parsed(self._cell("answers"))
        if value == "":
            return []
        if value and searched is None:
            raise self._refuse("text_pair", "the text in which the answers stand is expected")
        found: list[list[int]] = []
        try:
            if isinstance(value, dict):
                value = list(zip(value["text"], value["answer_start"], strict=True))
            for answer in [value] if isinstance(value, str) else value:
                found += [span for span in _answer(answer, searched) if span not in found]
        except ValueError as error:
            raise self._refuse("answers", str(error)) from error
        except (KeyError, TypeError) as error:
            legal = "[start, end] pairs, texts, or {text: [...], answer_start: [...]} are expected"
            raise self._refuse("answers", legal) from error
        return found


def _answer(answer: Any, text: str) -> list[list[int]]:
    """All places of one answer: a text, (text, start) or [start, end]."""
    match answer:
        case str():
            found = spans.occurrences(answer, text)
            if not found:
                raise ValueError(f"the answer {answer!r} is not in the text")
            return found
        case [str(part), int(start)]:
            if not part or text[start : start + len(part)] != part:
                raise ValueError(f"the answer {part!r} does not stand at {start}")
            return [spans.moved(text, start, start + len(part))]
        case [int(start), int(end)]:
            return [spans.moved(text, start, end)]
    raise TypeError(answer)


def _parsed(value: Any) -> Any:
    """A list or mapping that a cell spells out, as JSON or as Python does; any other value as it is."""
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
