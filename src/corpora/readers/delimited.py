"""Reads a delimited file (CSV, TSV) as rows of named cells."""

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
    """Yields the number of each row (the header is row 1) and its cells, or the error of the row.

    Args:
        quoting: double quotes may enclose a cell; False: a quote is an ordinary character.

    Raises:
        UserError: a column is missing or occurs twice; the header is not CSV or not in this encoding.
    """
    rows = _rows(path, delimiter, quoting, encoding)
    header = next(rows, [])
    if isinstance(header, UserError):
        raise header
    missing = [name for name in required if name not in header]
    if missing and not header:
        raise UserError(f"{path}, row 1 is empty; it must have the names of the columns")
    if missing:
        raise UserError(f"{path}, row 1: no column '{missing[0]}'; the columns are {', '.join(header)}")
    twice = [name for name in required if header.count(name) > 1]
    if twice:
        raise UserError(f"{path}, row 1: {header.count(twice[0])} columns have the name '{twice[0]}'; rename them")
    for number, values in enumerate(rows, start=2):
        if isinstance(values, UserError):
            yield number, values
        elif len(values) == len(header):
            yield number, dict(zip(header, values, strict=True))
        elif values:  # empty lines are skipped
            yield number, UserError(f"{path}, row {number}: {len(values)} cells for {len(header)} columns")


def _rows(path: Path, delimiter: str, quoting: bool, encoding: str) -> Iterator[list[str] | UserError]:
    table = csv.reader(
        lines(path, encoding),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE,
        strict=True,
    )
    while True:
        line = table.line_num + 1  # the first line of the row
        try:
            values = next(table)
        except StopIteration:
            return
        except csv.Error as error:  # reading continues with the next line
            skipped = f" (lines {line} to {table.line_num} were read as one row)" if table.line_num > line else ""
            reason = str(error).partition(" - ")[0]  # the rest is advice for callers of csv
            yield UserError(f"{path}, line {line}: not CSV: {reason}{skipped}")
        else:
            yield undecoded(path, line, ",".join(values), encoding) or values
