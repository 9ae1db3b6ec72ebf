"""Corpora: turns a folder data/raw/<corpus> with a corpus.yaml and data files into checked, split Examples.

A new corpus is a new folder. A new format needs a file in readers/, a row of READERS and a row of READS.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from src.core.user_errors import UserError
from src.corpora.corpus_file import Corpus
from src.corpora.readers import criteria, csv, hub, idioms, jsonl, squad
from src.corpora.rows import Entry, Row, RowOrError


class Reader(Protocol):
    """Reads one file: yields each row, or the UserError that refuses it; raises errors of the whole file."""

    def __call__(self, path: Path, corpus: Corpus, *, targets: bool = True) -> Iterator[RowOrError]:
        """
        Args:
            targets: False: the file may lack columns that only training and scoring need (label, tags, answers,
                group, split).
        """


READERS: dict[str, Reader] = {
    "criteria": criteria.read,
    "csv": csv.read,
    "hub": hub.read,
    "idioms": idioms.read,
    "jsonl": jsonl.read,
    "squad": squad.read,
}


def read(folder: Path, corpus: Corpus) -> Iterator[Row]:
    """Yields all rows of a corpus, in the order of its files.

    Raises:
        UserError: a data file does not exist, or a row is refused.
    """
    for row in try_read(folder, corpus):
        if isinstance(row, UserError):
            raise row
        yield row


def try_read(folder: Path, corpus: Corpus) -> Iterator[RowOrError]:
    """Yields all rows of a corpus in the order of its files, and the errors of the rows that are refused.

    Raises:
        UserError: a data file does not exist or cannot be read.
    """
    reader = READERS[corpus.reader]
    for name in corpus.files:
        if corpus.hub is None and not (folder / name).is_file():
            raise UserError(f"corpus '{folder.name}' has no file {folder / name}; to fetch it: {corpus.fetch}")
    for name in corpus.files:
        for row in reader(folder / name, corpus):
            yield row if isinstance(row, UserError) else _named(row, corpus, name)


def stream(path: Path, corpus: Corpus, *, targets: bool = False) -> Iterator[RowOrError]:
    """Yields the rows of any file as input to predict, in constant memory (csv, jsonl, idioms).

    Gold values may be absent from the file unless `targets` is True: they are None, and the split is ''. A label that
    corpus.yaml drops becomes None too.

    Raises:
        UserError: the reader does not read files, or the file does not exist or cannot be read.
    """
    reader = READERS[corpus.reader]
    if corpus.hub is not None:
        raise UserError(f"{path}: reader hub does not read files; use reader csv or jsonl with the same columns")
    if not path.is_file():
        raise UserError(f"{path} does not exist")
    for row in reader(path, corpus, targets=targets):
        if isinstance(row, Row) and row.example.label in corpus.drop:
            yield replace(row, example=replace(row.example, label=None))
        else:
            yield row if isinstance(row, UserError) else _named(row, corpus, path.name)


def _named(row: Row, corpus: Corpus, file: str) -> Row:
    """Renames label and split; a row without a split gets the split of its file, if corpus.yaml names one."""
    label, split = row.example.label, row.example.split
    changes: dict[str, Any] = {
        "label": None if label is None else corpus.rename.get(label, label),
        "split": split or corpus.splits.get(file, ""),
    }
    return replace(row, example=replace(row.example, **changes))


E = TypeVar("E", bound=Entry)


def without_dropped(rows: Sequence[E], corpus: Corpus) -> tuple[list[E], dict[str, int]]:
    """Leaves out the rows whose label corpus.yaml drops, and counts them per label."""
    kept = [row for row in rows if row.label not in corpus.drop]
    dropped = Counter(str(row.label) for row in rows if row.label in corpus.drop)
    return kept, dict(sorted(dropped.items()))
