"""Corpora: a folder data/raw/<corpus> with a corpus.yaml and data files becomes checked, split Examples.

A new corpus is a new folder; only a new format needs code here, one file and one row of READERS.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from src.corpora import idioms
from src.corpora.corpus_file import Corpus
from src.corpora.rows import Row
from src.errors import UserError, unknown_name

READERS: dict[str, Callable[[Path, Corpus], Iterator[Row]]] = {
    "idioms": idioms.read,
}


def read(folder: Path, corpus: Corpus) -> list[Row]:
    """Reads all rows of a corpus, in the order of its files.

    Raises:
        UserError: unknown reader, a data file that is not there, or a row that its reader refuses.
    """
    if corpus.reader not in READERS:
        raise unknown_name("reader", corpus.reader, READERS)
    for name in corpus.files:
        if not (folder / name).is_file():
            raise UserError(f"corpus '{folder.name}' has no file {folder / name}; to fetch it: {corpus.fetch}")
    return [row for name in corpus.files for row in READERS[corpus.reader](folder / name, corpus)]
