"""Reader `jsonl`: one JSON object per line; `columns` of corpus.yaml names the keys to read."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from src.core.user_errors import UserError
from src.corpora.corpus_file import Corpus
from src.corpora.readers import table
from src.corpora.rows import RowOrError, lines, undecoded


def read(path: Path, corpus: Corpus, *, targets: bool = True) -> Iterator[RowOrError]:
    """Yields the rows of one file; empty lines are skipped.

    Args:
        targets: False: only the keys of the texts must be present.

    Raises:
        UserError: corpus.yaml says UTF-16 or UTF-32, and the file cannot be decoded.
    """
    required = table.required(corpus, targets=targets)
    for number, line in enumerate(lines(path, corpus.encoding), start=1):
        if line.strip():
            cells = undecoded(path, number, line, corpus.encoding) or _cells(f"{path}, row {number}", line, required)
            yield cells if isinstance(cells, UserError) else table.row(path, number, cells, corpus)


def _cells(place: str, line: str, required: list[str]) -> dict[str, Any] | UserError:
    try:
        cells = json.loads(line)
    except (ValueError, RecursionError) as error:
        return UserError(f"{place}: not JSON: {error}")
    if "\\ud" in line.lower() and re.search("[\ud800-\udfff]", json.dumps(cells, ensure_ascii=False)):
        return UserError(f"{place}: half of a surrogate pair, such as \\ud83d alone; write the whole character")
    if not isinstance(cells, dict):
        return UserError(f"{place}: a JSON object is expected, not {line.strip()[:80]!r}")
    missing = [name for name in required if name not in cells]
    if missing:
        return UserError(f"{place}: no key '{missing[0]}'; the keys are {', '.join(cells) or 'none'}")
    return cells
