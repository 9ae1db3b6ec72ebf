"""A row of a data file: the Example in it and where it stands, so that every complaint can name the place."""

import codecs
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.errors import UserError
from src.records import Example


@dataclass(frozen=True)
class Row:
    """An example, the file and the row (the header is row 1) that it was read from.

    Attributes:
        example: its split is empty where the file names none.
        columns: field of Example: the name of its column in the file.
        remarks: what could not be used of the row, and is reported.
    """

    example: Example
    file: Path
    number: int
    columns: Mapping[str, str]
    remarks: tuple[str, ...] = ()

    def refuse(self, field: str, problem: str) -> UserError:
        """Builds the error for one field of the example."""
        column = self.columns.get(field, field)  # an id that was made has no column
        return refusal(self.file, self.number, column, getattr(self.example, field), problem)

    @property
    def place(self) -> str:
        return f"{self.file}, row {self.number}"


Found = Row | UserError  # what a reader yields: a row, or why it refuses one


def refusal(file: Path, number: int, column: str, value: Any, problem: str) -> UserError:
    """Builds the error for one value of a data file; a long value is cut at its end."""
    shown = repr(value) if len(repr(value)) <= 120 else f"{repr(value)[:117]}..."
    return UserError(f"{file}, row {number}, column '{column}': {problem}; the value is {shown}")


def nfc(text: str) -> str:
    """Returns the one form (Unicode NFC) in which all texts are kept."""
    return unicodedata.normalize("NFC", text)


def lines(path: Path, encoding: str = "utf-8") -> Iterator[str]:
    """Yields the lines of a file, with or without a byte order mark, their ends untouched.

    Raises:
        UserError: a line that is not in this encoding.
    """
    if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):  # a line feed is no byte of its own
        yield from _wide_lines(path, encoding)
        return
    name = codecs.lookup(encoding).name.upper()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield line.decode(encoding).removeprefix("\ufeff" if number == 1 else "")
            except UnicodeError as error:
                reason = getattr(error, "reason", error)  # which only some encodings give
                raise UserError(f"{path}, line {number} is not {name}: {reason}; save the file as {name}") from error


def _wide_lines(path: Path, encoding: str) -> Iterator[str]:
    with path.open(encoding=encoding, newline="") as file:
        try:
            yield next(file, "").removeprefix("\ufeff")
            yield from file
        except UnicodeError as error:
            raise UserError(f"{path} is not {encoding}: {error}; save the file as {encoding}") from error
