"""A row of a data file: the Example in it and where it stands, so that every complaint can name the place.

What draws splits and compares rows asks of an Entry only, so that texts need not be held in memory: shelf.py.
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
    """What is asked of every row of a corpus at once; all but `example` and the errors are at hand.

    Attributes:
        kind: what each split is to have the same share of: the label, or else whether there is an answer.
        text_digest: equal for copies of a text (or pair of texts), whatever their case, white space and punctuation.
        pair_digest: equal for rows with the same second text, to the letter; None without one.
        span_kinds: of the spans that its tags mark.
        remarks: what could not be used of the row, and is reported.
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
    """The text, and its pair if there is one, without case, white space and punctuation; marks alone stay: ":)"."""
    parts = [example.text] if example.text_pair is None else [example.text, example.text_pair]
    return [re.sub(r"[\W_]+", "", part.casefold()) or "".join(part.split()) for part in parts]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


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

    A byte that is not in this encoding is left in its line as a lone surrogate, for `undecoded` to tell.

    Raises:
        UserError: the file is not in UTF-16 or UTF-32, and should be.
    """
    if codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):  # a line feed is no byte of its own
        yield from _wide_lines(path, encoding)
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield line.decode(encoding, "surrogateescape").removeprefix("\ufeff" if number == 1 else "")
            except UnicodeError as error:  # of an encoding that knows no such escape
                raise UserError(f"{path}, line {number} is not {encoding}: {error}; save the file so") from error


def _wide_lines(path: Path, encoding: str) -> Iterator[str]:
    with path.open(encoding=encoding, newline="") as file:
        try:
            yield next(file, "").removeprefix("\ufeff")
            yield from file
        except UnicodeError as error:
            raise UserError(f"{path} is not {encoding}: {error}; save the file as {encoding}") from error


def undecoded(path: Path, line: int, text: str, encoding: str) -> UserError | None:
    """Says which byte of a text is not in the encoding; None: all are.

    Args:
        line: on which the text begins.
        text: made of what `lines` yields.
    """
    found = re.search("[\udc80-\udcff]", text)
    if found is None:
        return None
    name, line = codecs.lookup(encoding).name.upper(), line + text.count("\n", 0, found.start())
    return UserError(f"{path}, line {line} is not {name}: byte 0x{ord(found[0]) - 0xDC00:02x}; save the file as {name}")
