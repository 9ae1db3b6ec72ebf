"""Intake checks that hold for every corpus: what stops prepare, and what it merely reports.

Each function raises UserError with file, row, column and value; near_duplicates reports.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from src.corpora.corpus_file import Corpus
from src.corpora.rows import Row
from src.errors import UserError
from src.words import invalid_tag, locate, spans_of

NEAR = 0.8  # Jaccard similarity of character 5-grams from which two texts count as near-duplicates
GRAM = 5


def check_rows(rows: Sequence[Row], corpus: Corpus) -> None:
    """Checks each row by itself, and that ids and texts are unique.

    Raises:
        UserError: empty id or text, unknown label, tags that do not fit the words, I- without B-, a word that is not
            in the text, an id that comes twice, a text that comes twice.
    """
    ids: dict[str, Row] = {}
    texts: dict[str, Row] = {}
    for row in rows:
        _check_row(row, corpus)
        first = ids.setdefault(row.example.id, row)
        if first is not row:
            raise row.refuse("id", f"the id stands already in {first.place}")
        first = texts.setdefault(normalised(row), row)
        if first is not row:
            raise row.refuse("text", f"the same text (but for case, spaces and punctuation) as {first.place}")


def _check_row(row: Row, corpus: Corpus) -> None:
    example = row.example
    if not example.id:
        raise row.refuse("id", "the id is empty")
    if not normalised(row):
        raise row.refuse("text", "the text has no letter or digit")
    if example.label is not None and example.label not in corpus.labels:
        raise row.refuse("label", f"unknown label; legal: {', '.join(corpus.labels)}")
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


def normalised(row: Row) -> str:
    """The text (and its pair) without case, white space and punctuation: equal for copies of one sentence."""
    parts = [row.example.text] if row.example.text_pair is None else [row.example.text, row.example.text_pair]
    return "\n".join(re.sub(r"[\W_]+", "", part.casefold()) for part in parts)


def check_leaks(rows: Sequence[Row]) -> None:
    """Checks that unseen groups are unseen.

    Raises:
        UserError: a group with rows in the unseen split and in another.
    """
    places: dict[str, dict[bool, Row]] = defaultdict(dict)
    for row in rows:
        if row.example.group is not None:
            places[row.example.group].setdefault(row.example.split == "unseen", row)
    for group, found in places.items():
        if len(found) == 2:
            raise found[True].refuse("group", f"a leak: the unseen group {group!r} stands in {found[False].place} too")


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
                "change prepare.split, unseen_groups, the fractions or max_samples"
            )


def near_duplicates(rows: Sequence[Row]) -> list[tuple[str, str, float]]:
    """Finds the pairs of texts whose character 5-grams have a Jaccard similarity of at least 0.8.

    Returns:
        (id, id, similarity) of each pair, most similar first.

    Source: prefix filtering, Bayardo et al. 2007, Scaling Up All Pairs Similarity Search: two sets that are so similar
    share one of their rarest n-grams, so only those are indexed.
    """
    texts = [normalised(row) for row in rows]
    grams = [{text[i : i + GRAM] for i in range(max(1, len(text) - GRAM + 1))} for text in texts]
    frequency = Counter(gram for found in grams for gram in found)
    index: dict[str, list[int]] = defaultdict(list)
    pairs: list[tuple[str, str, float]] = []
    for current, found in enumerate(grams):
        rarest = sorted(found, key=lambda gram: (frequency[gram], gram))
        prefix = rarest[: len(found) - math.ceil(NEAR * len(found)) + 1]
        for other in sorted({candidate for gram in prefix for candidate in index[gram]}):
            similarity = len(found & grams[other]) / len(found | grams[other])
            if similarity >= NEAR:
                pairs.append((rows[other].example.id, rows[current].example.id, round(similarity, 4)))
        for gram in prefix:
            index[gram].append(current)
    return sorted(pairs, key=lambda pair: (-pair[2], pair))
