"""Reader `csv`: any delimited file; delimiter, quoting, encoding and columns stand in corpus.yaml."""

from collections.abc import Iterator
from pathlib import Path

from src.core.user_errors import UserError
from src.corpora.corpus_file import Corpus
from src.corpora.readers import delimited, table
from src.corpora.rows import Found


def read(path: Path, corpus: Corpus, *, targets: bool = True) -> Iterator[Found]:
    """Yields the rows of one file.

    Args:
        targets: False: columns other than the texts may be absent.

    Raises:
        UserError: missing column, a header that is not CSV or not in its encoding.
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
