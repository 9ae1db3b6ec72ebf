"""The canonical idioms of a corpus, which `lexicon_canonical` searches. No gold span is read."""

from collections.abc import Sequence
from pathlib import Path

from src.core.user_errors import UserError
from src.corpora.corpus_file import Corpus
from src.corpora.rows import Entry, lines, nfc, undecoded


def idioms(folder: Path, corpus: Corpus, rows: Sequence[Entry]) -> list[str]:
    """Returns the canonical idioms, sorted; an empty list if corpus.yaml has no `canonical_idioms`.

    Args:
        rows: all rows of the corpus, including rows that are held out or not in the subset.

    Raises:
        UserError: the file does not exist, is not UTF-8 or has no idiom; or no row has a group.
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
            f"corpus '{folder.name}' has no file {folder / source} (canonical_idioms); to fetch it: {corpus.fetch}"
        )
    names = {" ".join(idiom.split()) for idiom in listed} - {""}
    if not names:
        cause = "no row has a group" if source == "group" else f"{folder / source} is empty"
        raise UserError(f"corpus '{folder.name}' has no canonical idioms: {cause}; fix or remove canonical_idioms")
    return sorted(names)
