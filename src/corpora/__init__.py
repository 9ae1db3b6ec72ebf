"""Corpora: a folder data/raw/<corpus> with a corpus.yaml and data files becomes checked, split Examples.

A new corpus is a new folder; only a new format needs code: one file in readers/, one row of READERS, one row of READS.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from src.core.user_errors import UserError
from src.corpora.corpus_file import Corpus
from src.corpora.readers import criteria, csv, hub, idioms, jsonl, squad
from src.corpora.rows import Entry, Found, Row


class Reader(Protocol):
    """Reads one file: yields a row, or the UserError that refuses it, and raises what is wrong with the whole file."""

    def __call__(self, path: Path, corpus: Corpus, *, targets: bool = True) -> Iterator[Found]:
        """
        Args:
            targets: False: what is only needed to train and to score (label, tags, answers, group, split) may be
                absent from the file.
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
        UserError: a data file that is not there, or the first row that is refused.
    """
    for found in try_read(folder, corpus):
        if isinstance(found, UserError):
            raise found
        yield found


def try_read(folder: Path, corpus: Corpus) -> Iterator[Found]:
    """Yields all rows of a corpus, in the order of its files, and what is wrong with those that are refused.

    Raises:
        UserError: a data file that is not there or cannot be read.
    """
    reader = READERS[corpus.reader]
    for name in corpus.files:
        if corpus.hub is None and not (folder / name).is_file():
            raise UserError(f"corpus '{folder.name}' has no file {folder / name}; to fetch it: {corpus.fetch}")
    for name in corpus.files:
        for found in reader(folder / name, corpus):
            yield found if isinstance(found, UserError) else _named(found, corpus, name)


def stream(path: Path, corpus: Corpus, *, targets: bool = False) -> Iterator[Found]:
    """Yields the rows of one file that lies anywhere, in constant memory (csv, jsonl, idioms), as input to predict.

    What only says what is right may be absent from the file, unless `targets` asks for it: such a row has None, and ''
    as its split. So has a row whose label corpus.yaml drops.

    Raises:
        UserError: a reader that reads no file, no such file, or one that cannot be read.
    """
    reader = READERS[corpus.reader]
    if corpus.hub is not None:
        raise UserError(f"{path}: reader hub reads no file; name the same columns under reader csv or jsonl")
    if not path.is_file():
        raise UserError(f"{path} does not exist")
    for found in reader(path, corpus, targets=targets):
        if isinstance(found, Row) and found.example.label in corpus.drop:
            yield replace(found, example=replace(found.example, label=None))
        else:
            yield found if isinstance(found, UserError) else _named(found, corpus, path.name)


def _named(row: Row, corpus: Corpus, file: str) -> Row:
    """Gives label and split their names; a row without a split has that of its file, if corpus.yaml names one."""
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
