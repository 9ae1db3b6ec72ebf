"""A delimited file (CSV, TSV) as rows of named cells; what the cells mean is the readers' business."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from src.core.user_errors import UserError
from src.corpora.rows import lines, undecoded

Cells = dict[str, str]


def read(
    path: Path,
    required: Sequence[str],
    *,
    delimiter: str = ",",
    quoting: bool = True,
    encoding: str = "utf-8",
) -> Iterator[tuple[int, Cells | UserError]]:
    """Yields each row's number (the header is row 1) and its cells, or why it has none.

    Args:
        quoting: a cell may be enclosed in double quotes; False: a quote is a character like others.

    Raises:
        UserError: missing column, or one that stands there twice; a header that is not CSV or not in this encoding.
    """
    rows = _rows(path, delimiter, quoting, encoding)
    header = next(rows, [])
    if isinstance(header, UserError):
        raise header
    missing = [name for name in required if name not in header]
    if missing and not header:
        raise UserError(f"{path}, row 1: empty; the names of the columns are expected there")
    if missing:
        raise UserError(f"{path}, row 1: no column '{missing[0]}'; the columns are {', '.join(header)}")
    twice = [name for name in required if header.count(name) > 1]
    if twice:
        raise UserError(f"{path}, row 1: {header.count(twice[0])} columns are called '{twice[0]}'; rename the others")
    for number, values in enumerate(rows, start=2):
        if isinstance(values, UserError):
            yield number, values
        elif len(values) == len(header):
            yield number, dict(zip(header, values, strict=True))
        elif values:  # else an empty line
            yield number, UserError(f"{path}, row {number}: {len(values)} cells for {len(header)} columns")


def _rows(path: Path, delimiter: str, quoting: bool, encoding: str) -> Iterator[list[str] | UserError]:
    table = csv.reader(
        lines(path, encoding),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE,
        strict=True,
    )
    while True:
        line = table.line_num + 1  # on which the row begins
        try:
            values = next(table)
        except StopIteration:
            return
        except csv.Error as error:  # the table goes on with the next line
            passed = f" (lines {line} to {table.line_num} were read as one row)" if table.line_num > line else ""
            reason = str(error).partition(" - ")[0]  # behind it stands advice for who calls csv
            yield UserError(f"{path}, line {line}: not CSV: {reason}{passed}")
        else:
            yield undecoded(path, line, ",".join(values), encoding) or values
