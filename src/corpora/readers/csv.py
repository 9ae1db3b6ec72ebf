"""Reader `csv`: any delimited file; corpus.yaml sets delimiter, quoting, encoding and columns."""

from collections.abc import Iterator
from pathlib import Path

from src.core.user_errors import UserError
from src.corpora.corpus_file import Corpus
from src.corpora.readers import delimited, table
from src.corpora.rows import RowOrError


def read(path: Path, corpus: Corpus, *, targets: bool = True) -> Iterator[RowOrError]:
    """Yields the rows of one file.

    Args:
        targets: False: only the columns of the texts must be present.

    Raises:
        UserError: a column is missing, or the header is not CSV or not in the encoding.
    """
    rows = delimited.read(
        path,
        table.required(corpus, targets=targets),
        delimiter=corpus.delimiter,
        quoting=corpus.quoting,
        encoding=corpus.encoding,
    )
    for number, cells in rows:
        yield cells if isinstance(cells, UserError) else table.row(path, number, cells, corpus)
