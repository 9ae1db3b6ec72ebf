"""Keeps rows in a temporary file; memory holds only the fields that splits need, and digests of the texts.

Source: pickle of the standard library; the file has no name, so no other user can write to it.
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


class RowStore:
    """A temporary file of rows; the system deletes it when the process ends."""

    def __init__(self, folder: Path) -> None:
        """
        Args:
            folder: the file is in this folder or in its nearest existing parent, so it is on the disk of the output.
        """
        existing = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
        self._file = tempfile.TemporaryFile(dir=existing)  # noqa: SIM115 (open as long as the rows are used)
        self._shared: dict[Hashable, Hashable] = {}

    def keep(self, rows: Iterable[Row]) -> list[Entry]:
        """Moves rows into the file, one at a time."""
        return [self._keep(row) for row in rows]

    def take(self, offset: int) -> Row:
        """Reads the row at a byte offset of the file."""
        self._file.seek(offset)
        row: Row = pickle.load(self._file)
        return row

    def _keep(self, row: Row) -> "StoredRow":
        offset = self._file.seek(0, os.SEEK_END)
        pickle.dump(row, self._file)
        return StoredRow(
            store=self,
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
        """Returns the first of all equal values, so that rows share one object."""
        return self._shared.setdefault(value, value)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class StoredRow:
    """An Entry whose row is in the file."""

    store: RowStore
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
        return self.store.take(self.offset).placed(self.split)
