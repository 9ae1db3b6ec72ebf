"""Intake checks that hold for every corpus and stop prepare. What is merely reported: copies.py, statistics.py.

Each function raises UserError with file, row, column and value.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

from src.corpora.copies import ORDER, leaking
from src.corpora.corpus_file import Corpus
from src.corpora.rows import Row
from src.errors import UserError
from src.words import invalid_tag, locate, spans_of


def check_rows(rows: Sequence[Row], corpus: Corpus) -> None:
    """Checks each row by itself, and that ids are unique.

    Raises:
        UserError: what `check_row` refuses, or an id that comes twice.
    """
    ids: dict[str, Row] = {}
    for row in rows:
        check_row(row, corpus)
        first = ids.setdefault(row.example.id, row)
        if first is not row:
            raise row.refuse("id", f"the id stands already in {first.place}")


def check_row(row: Row, corpus: Corpus) -> None:
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
    if example.label is not None and example.label not in corpus.labels:
        raise row.refuse("label", f"unknown label; legal: {', '.join(corpus.labels) or 'none'}")
    searched = example.text if example.text_pair is None else example.text_pair
    for start, end in example.answers or []:
        if not 0 <= start < end <= len(searched):
            raise row.refuse(
                "answers", f"[{start}, {end}] is no span of the text, which has {len(searched)} characters"
            )
    if example.tokens is None or example.tags is None:
        return
    if len(example.tags) != len(example.tokens):
        raise row.refuse("tags", f"{len(example.tags)} tags for {len(example.tokens)} words")
    position = invalid_tag(example.tags)
    if position is not None:
        raise row.refuse("tags", f"tag {position + 1}, {example.tags[position]!r}, is not legal IOB2 there")
    try:
        locate(example.tokens, example.text)
    except ValueError as error:
        raise row.refuse("tokens", f"word {str(error)!r} is not in the text where it should be") from error


def _is_unicode(value: str | list[str] | None) -> bool:
    try:
        "".join(value or []).encode()
    except UnicodeEncodeError:
        return False
    return True


def check_leaks(rows: Sequence[Row], *inseparable: str | None) -> None:
    """Checks that no text is in two splits, that unseen groups are unseen, and that inseparable rows are together.

    Raises:
        UserError: the first of `find_leaks`.
    """
    for leak in find_leaks(rows, *inseparable):
        raise leak


def find_leaks(rows: Sequence[Row], *inseparable: str | None) -> Iterator[UserError]:
    """Yields an error for each leak; it names both places.

    Args:
        inseparable: fields of which no value may be in two splits, beside copies of a text and unseen groups; None
            is no field.
    """
    for row, copy in leaking(rows):
        yield copy.refuse(
            "text",
            f"a leak: {row.place}, in split {row.example.split}, has the same text (but for case, spaces and "
            f"punctuation), and this row is in {copy.example.split}; leaks: drop in corpus.yaml leaves the former out",
        )
    yield from _parted(rows, "group", lambda split: "unseen" if split == "unseen" else "seen")
    for field in dict.fromkeys(inseparable):
        if field is not None:
            yield from _parted(rows, field, lambda split: split)


def _parted(rows: Sequence[Row], field: str, part_of: Callable[[str], str]) -> Iterator[UserError]:
    """Yields an error for each value of the field that is in two parts; the row in the later split is refused."""
    places: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        value = getattr(row.example, field)
        if value is not None:
            places[value].setdefault(part_of(row.example.split), row)
    for found in places.values():
        first, *others = sorted(found.values(), key=lambda row: ORDER[row.example.split])
        if others:
            yield others[-1].refuse(
                field,
                f"a leak: {first.place}, in split {first.example.split}, has the same {field}, "
                f"and this row is in {others[-1].example.split}",
            )


def check_kinds(rows: Sequence[Row]) -> None:
    """Checks that train shows every kind of span.

    Raises:
        UserError: a row of another split has a kind that none of train has.
    """
    kinds = {row.example.id: {kind for _, _, kind in spans_of(row.example.tags or [])} for row in rows}
    known = {kind for row in rows if row.example.split == "train" for kind in kinds[row.example.id]}
    for row in rows:
        if kinds[row.example.id] - known:
            raise row.refuse("tags", f"train has no span of this kind; it has {', '.join(sorted(known)) or 'none'}")


def check_sizes(rows: Sequence[Row], unseen_groups: Sequence[str]) -> None:
    """Checks that no split is empty; unseen may be where no group is held out.

    Raises:
        UserError: names the empty split and the sizes of all.
    """
    sizes = Counter(row.example.split for row in rows)
    for split in ["train", "validation", "test", *(["unseen"] if unseen_groups else [])]:
        if not sizes[split]:
            raise UserError(
                f"the {split} split is empty: {dict(sizes)}; "
                "change prepare.split, unseen_groups, group_by, the fractions or max_samples"
            )
