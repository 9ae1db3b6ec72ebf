"""The canonical idioms of a corpus: what `lexicon_canonical` looks for. They are knowledge, no gold span is read."""

from collections.abc import Sequence
from pathlib import Path

from src.core.user_errors import UserError
from src.corpora.corpus_file import Corpus
from src.corpora.rows import Entry, lines, nfc, undecoded


def idioms(folder: Path, corpus: Corpus, rows: Sequence[Entry]) -> list[str]:
    """Returns the canonical idioms, sorted; none where corpus.yaml has no `canonical_idioms`.

    Args:
        rows: all rows of the corpus: idioms that are held out, or that a subset leaves out, are known too.

    Raises:
        UserError: the file is not there or not UTF-8, or there is no idiom in it; no row has a group.
    """
    source = corpus.canonical_idioms
    if source is None:
        return []
    if source == "group":
        listed = [row.group or "" for row in rows]
    elif (folder / source).is_file():
        listed = [nfc(line) for line in lines(folder / source)]
        for number, line in enumerate(listed, start=1):
            if problem := undecoded(folder / source, number, line, "utf-8"):
                raise problem
    else:
        raise UserError(
            f"corpus '{folder.name}' has no file {folder / source} (canonical_idioms); fetch: {corpus.fetch}"
        )
    found = {" ".join(idiom.split()) for idiom in listed} - {""}
    if not found:
        place = "no row has a group" if source == "group" else f"{folder / source} is empty"
        raise UserError(f"corpus '{folder.name}' has no canonical idioms: {place}; mend or drop canonical_idioms")
    return sorted(found)
