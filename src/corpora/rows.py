"""A row of a data file: its Example and its place in the file, which every error names.

Code that draws splits or compares rows uses only an Entry, so texts can stay on disk: row_store.py.
"""

import codecs
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

from src.core.records import Example
from src.core.user_errors import UserError
from src.text.words import spans_of


class Entry(Protocol):
    """The interface to a row; all attributes except `example` and the errors are in memory.

    Attributes:
        kind: each split gets the same share of each kind: the label, or else whether there is an answer.
        text_digest: equal for copies of a text (or pair of texts), ignoring case, white space and punctuation.
        pair_digest: equal for rows with exactly the same second text; None without a second text.
        span_kinds: the kinds of the spans in its tags.
        remarks: messages about parts of the row that cannot be used.
    """

    @property
    def id(self) -> str: ...
    @property
    def group(self) -> str | None: ...
    @property
    def label(self) -> str | None: ...
    @property
    def split(self) -> str: ...
    @property
    def kind(self) -> str | None: ...
    @property
    def text_digest(self) -> bytes: ...
    @property
    def pair_digest(self) -> bytes | None: ...
    @property
    def span_kinds(self) -> frozenset[str]: ...
    @property
    def remarks(self) -> tuple[str, ...]: ...
    @property
    def example(self) -> Example: ...
    @property
    def place(self) -> str: ...
    def refuse(self, field: str, problem: str) -> UserError: ...
    def placed(self, split: str) -> Self: ...


@dataclass(frozen=True)
class Row:
    """An example, with its file and its row number (the header is row 1).

    Attributes:
        example: its split is empty if the file has no split.
        columns: {field of Example: name of its column in the file}.
        remarks: messages about parts of the row that cannot be used.
    """

    example: Example
    file: Path
    number: int
    columns: Mapping[str, str]
    remarks: tuple[str, ...] = ()

    def refuse(self, field: str, problem: str) -> UserError:
        """Builds the error for one field of the example."""
        column = self.columns.get(field, field)  # a generated id has no column
        value = getattr(self.example, field, self.example.extra.get(field))
        return refusal(self.file, self.number, column, value, problem)

    def placed(self, split: str) -> Self:
        """Returns the row in another split."""
        return replace(self, example=replace(self.example, split=split))

    @property
    def id(self) -> str:
        return self.example.id

    @property
    def group(self) -> str | None:
        return self.example.group

    @property
    def label(self) -> str | None:
        return self.example.label

    @property
    def split(self) -> str:
        return self.example.split

    @property
    def kind(self) -> str | None:
        if self.example.label is None and self.example.answers is not None:
            return "answer" if self.example.answers else "no answer"
        return self.example.label

    @property
    def text_digest(self) -> bytes:
        return _digest("\n".join(letters(self.example)))

    @property
    def pair_digest(self) -> bytes | None:
        return None if self.example.text_pair is None else _digest(self.example.text_pair)

    @property
    def span_kinds(self) -> frozenset[str]:
        return frozenset(kind for _, _, kind in spans_of(self.example.tags or []))

    @property
    def place(self) -> str:
        return f"{self.file}, row {self.number}"


def letters(example: Example) -> list[str]:
    """The text, and its pair if any, without case, white space and punctuation; a text without letters stays: ":)"."""
    parts = [example.text] if example.text_pair is None else [example.text, example.text_pair]
    return [re.sub(r"[\W_]+", "", part.casefold()) or "".join(part.split()) for part in parts]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


RowOrError = Row | UserError  # a reader yields a row, or the error that refuses it


def refusal(file: Path, number: int, column: str, value: Any, problem: str) -> UserError:
    """Builds the error for one value of a data file; a long value is truncated."""
    shown = repr(value) if len(repr(value)) <= 120 else f"{repr(value)[:117]}..."
    return UserError(f"{file}, row {number}, column '{column}': {problem}; the value is {shown}")


def nfc(text: str) -> str:
    """Returns the text in Unicode NFC, the form of all texts of this project."""
    return unicodedata.normalize("NFC", text)


def lines(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    """Yields the lines of a file with their line ends, without a byte order mark.

    A byte that is not in this encoding becomes a lone surrogate, which `undecoded` reports.

    Raises:
        UserError: the encoding is UTF-16, UTF-32 or a multi-byte encoding, and the file cannot be decoded.
    """
    if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):  # a line feed has several bytes
        yield from _wide_lines(path, encoding)
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield line.decode(encoding, "surrogateescape").removeprefix("\ufeff" if number == 1 else "")
            except UnicodeError as error:  # encodings without surrogateescape
                raise UserError(
                    f"{path}, line {number} is not {encoding}: {error}; save the file as {encoding}"
                ) from error


def _wide_lines(path: Path, encoding: str) -> Iterator[str]:
    with path.open(encoding=encoding, newline="") as file:
        try:
            yield next(file, "").removeprefix("\ufeff")
            yield from file
        except UnicodeError as error:
            raise UserError(f"{path} is not {encoding}: {error}; save the file as {encoding}") from error


def undecoded(path: Path, line: int, text: str, encoding: str) -> UserError | None:
    """Returns the error for the first byte that is not in the encoding; None: all bytes are.

    Args:
        line: the number of the first line of the text.
        text: made of lines of `lines`.
    """
    match = re.search("[\udc80-\udcff]", text)
    if match is None:
        return None
    name, line = codecs.lookup(encoding).name.upper(), line + text.count("\n", 0, match.start())
    return UserError(f"{path}, line {line} is not {name}: byte 0x{ord(match[0]) - 0xDC00:02x}; save the file as {name}")
