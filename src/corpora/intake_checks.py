"""Intake checks of every corpus, which stop prepare; each error names file, row, column and value."""

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
        UserError: `check_row` refuses a row, or an id occurs twice.
    """
    ids: dict[str, Entry] = {}
    for row in rows:
        check_row(row, corpus)
        first = ids.setdefault(row.id, row)
        if first is not row:
            raise row.refuse("id", f"{first.place}, has the same id")


def check_row(row: Entry, corpus: Corpus) -> None:
    """Checks one row without the others.

    Raises:
        UserError: the id or a text is empty, a text is not Unicode, or a task refuses the row.
    """
    example = row.example
    if not example.id:
        raise row.refuse("id", "the id is empty")
    for field, text in (("text", example.text), ("text_pair", example.text_pair)):
        if text is not None and not any(c.isprintable() and not c.isspace() for c in text):
            raise row.refuse(field, "the text is empty")
    for field in ("id", "text", "text_pair", "group", "label", "tokens", "tags", "split"):
        if not _is_unicode(getattr(example, field)):
            raise row.refuse(field, "half of a surrogate pair is not valid Unicode; replace it")
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
    """Checks that no text is in two splits, no seen group is in unseen, and inseparable rows are in one split.

    Raises:
        UserError: the first of `find_leaks`.
    """
    for leak in find_leaks(rows, *inseparable):
        raise leak


def find_leaks(rows: Sequence[Entry], *inseparable: str | None) -> Iterator[UserError]:
    """Yields an error for each leak, with both places.

    Args:
        inseparable: fields whose values may not be in two splits; None is ignored.
    """
    for row, copy in leaking(rows):
        yield copy.refuse(
            "text",
            f"leak: {row.place}, in split {row.split}, has the same text (ignoring case, spaces and "
            f"punctuation), and this row is in {copy.split}; to drop the other row, set leaks: drop in corpus.yaml",
        )
    yield from _parted(rows, "group", lambda split: "unseen" if split == "unseen" else "seen")
    for field in dict.fromkeys(inseparable):
        if field is not None:
            yield from _parted(rows, field, lambda split: split)


def _parted(rows: Sequence[Entry], field: str, part_of: Callable[[str], str]) -> Iterator[UserError]:
    """Yields an error for each value of the field that is in two parts; it refuses the row in the later split."""
    places: dict[Hashable, dict[str, Entry]] = defaultdict(dict)
    for row in rows:
        value = value_of(row, field)
        if value is not None:
            places[value].setdefault(part_of(row.split), row)
    for rows_of_parts in places.values():
        first, *others = sorted(rows_of_parts.values(), key=lambda row: ORDER[row.split])
        if others:
            yield others[-1].refuse(
                field,
                f"leak: {first.place}, in split {first.split}, has the same {field}, "
                f"and this row is in {others[-1].split}",
            )


def check_kinds(rows: Sequence[Entry]) -> None:
    """Checks that train has every kind of span.

    Raises:
        UserError: a row of another split has a kind that is not in train.
    """
    known = {kind for row in rows if row.split == "train" for kind in row.span_kinds}
    for row in rows:
        if row.span_kinds - known:
            raise row.refuse("tags", f"train has no span of this kind; it has {', '.join(sorted(known)) or 'none'}")


def check_sizes(rows: Sequence[Entry], unseen_groups: Sequence[str]) -> None:
    """Checks that no split is empty; unseen may be empty if no group is held out.

    Raises:
        UserError: a split is empty; the error has the sizes of all splits.
    """
    sizes = Counter(row.split for row in rows)
    for split in ["train", "validation", "test", *(["unseen"] if unseen_groups else [])]:
        if not sizes[split]:
            raise UserError(
                f"the {split} split is empty: {dict(sizes)}; "
                "change prepare.split, unseen_groups, group_by, the fractions or max_samples"
            )
