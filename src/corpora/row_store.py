"""Rows in a file in place of memory: of each, only what splits are drawn from, and digests of its texts, stays at hand.

Source: pickle of the standard library; no other user can write to the file, which has no name.
"""

import os
import pickle
import tempfile
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

from src.core.records import Example
from src.core.user_errors import UserError
from src.corpora.rows import Entry, Row

H = TypeVar("H", bound=Hashable)


class Shelf:
    """A file of rows that is gone when the shelf is, however the process ends."""

    def __init__(self, folder: Path) -> None:
        """
        Args:
            folder: in which, or in the nearest one above it that is there, the file lies: of the disk that has room for
                what is made of the rows.
        """
        there = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
        self._file = tempfile.TemporaryFile(dir=there)  # noqa: SIM115 (open for as long as there are rows)
        self._shared: dict[Hashable, Hashable] = {}

    def keep(self, rows: Iterable[Row]) -> list[Entry]:
        """Moves rows into the file, one at a time."""
        return [self._keep(row) for row in rows]

    def take(self, offset: int) -> Row:
        """Reads the row that lies at an offset of the file, in bytes."""
        self._file.seek(offset)
        row: Row = pickle.load(self._file)
        return row

    def _keep(self, row: Row) -> "Shelved":
        offset = self._file.seek(0, os.SEEK_END)
        pickle.dump(row, self._file)
        return Shelved(
            shelf=self,
            offset=offset,
            id=row.id,
            group=self._once(row.group),
            label=self._once(row.label),
            split=self._once(row.split),
            kind=self._once(row.kind),
            text_digest=row.text_digest,
            pair_digest=self._once(row.pair_digest),
            span_kinds=self._once(row.span_kinds),
            remarks=row.remarks,
        )

    def _once(self, value: H) -> H:
        """Returns the first of all equal values, so that many rows hold one object."""
        return self._shared.setdefault(value, value)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Shelved:
    """An Entry whose row lies on the shelf."""

    shelf: Shelf
    offset: int
    id: str
    group: str | None
    label: str | None
    split: str
    kind: str | None
    text_digest: bytes
    pair_digest: bytes | None
    span_kinds: frozenset[str]
    remarks: tuple[str, ...]

    @property
    def example(self) -> Example:
        return self._row.example

    @property
    def place(self) -> str:
        return self._row.place

    def refuse(self, field: str, problem: str) -> UserError:
        return self._row.refuse(field, problem)

    def placed(self, split: str) -> Self:
        return replace(self, split=split)

    @property
    def _row(self) -> Row:
        return self.shelf.take(self.offset).placed(self.split)
