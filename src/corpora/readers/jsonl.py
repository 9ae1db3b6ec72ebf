"""Reader `jsonl`: one JSON object a line; the keys that are read stand in corpus.yaml under columns."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from src.core.user_errors import UserError
from src.corpora.corpus_file import Corpus
from src.corpora.readers import table
from src.corpora.rows import Found, lines, undecoded


def read(path: Path, corpus: Corpus, *, targets: bool = True) -> Iterator[Found]:
    """Yields the rows of one file; empty lines are passed over.

    Args:
        targets: False: keys other than those of the texts may be absent.

    Raises:
        UserError: the file is not in UTF-16 or UTF-32, and should be.
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
        return UserError(f"{place}: half a character, such as \\ud83d without the \\ud83e that follows it")
    if not isinstance(cells, dict):
        return UserError(f"{place}: a JSON object is expected, not {line.strip()[:80]!r}")
    missing = [name for name in required if name not in cells]
    if missing:
        return UserError(f"{place}: no key '{missing[0]}'; the keys are {', '.join(cells) or 'none'}")
    return cells
