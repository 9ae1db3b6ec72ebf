"""Intake checks that hold for every corpus and stop prepare. What is merely reported: copies.py, statistics.py.

Each function raises UserError with file, row, column and value.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence

from src.core.user_errors import UserError
from src.corpora.corpus_file import Corpus
from src.corpora.duplicates import ORDER, leaking, value_of
from src.corpora.rows import Entry
from src.tasks import TASKS


def check_rows(rows: Sequence[Entry], corpus: Corpus) -> None:
    """Checks each row by itself, and that ids are unique.

    Raises:
        UserError: what `check_row` refuses, or an id that comes twice.
    """
    ids: dict[str, Entry] = {}
    for row in rows:
        check_row(row, corpus)
        first = ids.setdefault(row.id, row)
        if first is not row:
            raise row.refuse("id", f"the id stands already in {first.place}")


def check_row(row: Entry, corpus: Corpus) -> None:
    """Checks one row by itself, whatever the others are.

    Raises:
        UserError: empty id or text, unknown label, tags that do not fit the words, I- without B-, a word that is not
            in the text, an answer that is no span of the text.
    """
    example = row.example
    if not example.id:
        raise row.refuse("id", "the id is empty")
    for field, text in (("text", example.text), ("text_pair", example.text_pair)):
        if text is not None and not any(c.isprintable() and not c.isspace() for c in text):
            raise row.refuse(field, "the text is empty")
    for field in ("id", "text", "text_pair", "group", "label", "tokens", "tags", "split"):
        if not _is_unicode(getattr(example, field)):
            raise row.refuse(field, "half of a surrogate pair, which no file can hold; replace it")
    for task in TASKS.values():
        for field, problem in task.problems(example, corpus.labels):
            raise row.refuse(field, problem)


def _is_unicode(value: str | list[str] | None) -> bool:
    try:
        "".join(value or []).encode()
    except UnicodeEncodeError:
        return False
    return True


def check_leaks(rows: Sequence[Entry], *inseparable: str | None) -> None:
    """Checks that no text is in two splits, that unseen groups are unseen, and that inseparable rows are together.

    Raises:
        UserError: the first of `find_leaks`.
    """
    for leak in find_leaks(rows, *inseparable):
        raise leak


def find_leaks(rows: Sequence[Entry], *inseparable: str | None) -> Iterator[UserError]:
    """Yields an error for each leak; it names both places.

    Args:
        inseparable: fields of which no value may be in two splits, beside copies of a text and unseen groups; None
            is no field.
    """
    for row, copy in leaking(rows):
        yield copy.refuse(
            "text",
            f"a leak: {row.place}, in split {row.split}, has the same text (but for case, spaces and "
            f"punctuation), and this row is in {copy.split}; leaks: drop in corpus.yaml leaves the former out",
        )
    yield from _parted(rows, "group", lambda split: "unseen" if split == "unseen" else "seen")
    for field in dict.fromkeys(inseparable):
        if field is not None:
            yield from _parted(rows, field, lambda split: split)


def _parted(rows: Sequence[Entry], field: str, part_of: Callable[[str], str]) -> Iterator[UserError]:
    """Yields an error for each value of the field that is in two parts; the row in the later split is refused."""
    places: dict[Hashable, dict[str, Entry]] = defaultdict(dict)
    for row in rows:
        value = value_of(row, field)
        if value is not None:
            places[value].setdefault(part_of(row.split), row)
    for found in places.values():
        first, *others = sorted(found.values(), key=lambda row: ORDER[row.split])
        if others:
            yield others[-1].refuse(
                field,
                f"a leak: {first.place}, in split {first.split}, has the same {field}, "
                f"and this row is in {others[-1].split}",
            )


def check_kinds(rows: Sequence[Entry]) -> None:
    """Checks that train shows every kind of span.

    Raises:
        UserError: a row of another split has a kind that none of train has.
    """
    known = {kind for row in rows if row.split == "train" for kind in row.span_kinds}
    for row in rows:
        if row.span_kinds - known:
            raise row.refuse("tags", f"train has no span of this kind; it has {', '.join(sorted(known)) or 'none'}")


def check_sizes(rows: Sequence[Entry], unseen_groups: Sequence[str]) -> None:
    """Checks that no split is empty; unseen may be where no group is held out.

    Raises:
        UserError: names the empty split and the sizes of all.
    """
    sizes = Counter(row.split for row in rows)
    for split in ["train", "validation", "test", *(["unseen"] if unseen_groups else [])]:
        if not sizes[split]:
            raise UserError(
                f"the {split} split is empty: {dict(sizes)}; "
                "change prepare.split, unseen_groups, group_by, the fractions or max_samples"
            )
