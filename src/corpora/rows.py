"""A row of a data file: the Example in it and where it stands, so that every complaint can name the place."""

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
        columns: field of Example: the name of its column in the file.
    """

    example: Example
    file: Path
    number: int
    columns: Mapping[str, str]

    def refuse(self, field: str, problem: str) -> UserError:
        """Builds the error for one field of the example."""
        return refusal(self.file, self.number, self.columns[field], getattr(self.example, field), problem)

    @property
    def place(self) -> str:
        return f"{self.file}, row {self.number}"


def refusal(file: Path, number: int, column: str, value: Any, problem: str) -> UserError:
    """Builds the error for one value of a data file; a long value is cut at its end."""
    shown = repr(value) if len(repr(value)) <= 120 else f"{repr(value)[:117]}..."
    return UserError(f"{file}, row {number}, column '{column}': {problem}; the value is {shown}")


def utf8_lines(path: Path) -> Iterator[str]:
    """Yields the lines of a UTF-8 file, with or without a byte order mark, their ends untouched.

    Raises:
        UserError: a line that is not UTF-8.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise UserError(
                    f"{path}, line {number} is not UTF-8: {error.reason}; save the file as UTF-8"
                ) from error
