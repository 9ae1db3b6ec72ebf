"""Texts that come more than once: equal ones, near ones, and which rows must therefore stay in one split.

Two texts are equal where their letters and digits are; a pair is equal where both its texts are.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

from src.corpora.rows import Row
from src.records import SPLITS

NEAR = 0.8  # Jaccard similarity of character 5-grams from which two texts count as near-duplicates
GRAM = 5
ORDER = {name: number for number, name in enumerate(SPLITS)}
LISTED = 50  # of each kind, in metrics/data.json; the count beside them is of all


def normalised(row: Row) -> str:
    """The text (and its pair) without case, white space and punctuation: equal for copies of one text."""
    return "\n".join(_sides(row))


def _sides(row: Row) -> list[str]:
    parts = [row.example.text] if row.example.text_pair is None else [row.example.text, row.example.text_pair]
    return [re.sub(r"[\W_]+", "", part.casefold()) or "".join(part.split()) for part in parts]  # such as ":)"


def _sets(rows: Sequence[Row]) -> list[list[Row]]:
    """The sets of rows with equal text, in the order of their first rows; rows that have no copy are in none."""
    sets: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        sets[normalised(row)].append(row)
    return [found for found in sets.values() if len(found) > 1]


def units(rows: Sequence[Row], inseparable: str | None) -> list[list[Row]]:
    """Parts rows into those that must go to one split: copies of a text, and rows that are equal in a field.

    Args:
        inseparable: group, text_pair, or None: copies alone. What is None in a row ties it to no other.

    Returns:
        Units in the order of the ids of their first rows, each sorted by id.
    """
    rows = sorted(rows, key=lambda row: row.example.id)
    unit_of = list(range(len(rows)))

    def root(i: int) -> int:
        while unit_of[i] != i:
            unit_of[i] = unit_of[unit_of[i]]
            i = unit_of[i]
        return i

    firsts: dict[Hashable, int] = {}
    for i, row in enumerate(rows):
        ties: list[Hashable] = [("text", normalised(row))]
        if inseparable is not None and getattr(row.example, inseparable) is not None:
            ties.append((inseparable, getattr(row.example, inseparable)))
        for tie in ties:
            one, other = sorted((root(firsts.setdefault(tie, i)), root(i)))
            unit_of[other] = one
    found: dict[int, list[Row]] = defaultdict(list)
    for i, row in enumerate(rows):
        found[root(i)].append(row)
    return list(found.values())


def leaking(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Finds the rows that have a copy in another split: (row, copy), the copy being in the split that is kept whole.

    A test that lost rows would be another test, so of two splits unseen is kept before test, test before validation,
    and all before train.
    """
    found = []
    for copies in _sets([row for row in rows if row.example.split]):
        kept = max(copies, key=lambda row: ORDER.get(row.example.split, -1))
        found += [(row, kept) for row in copies if row.example.split != kept.example.split]
    return found


def distinct(rows: Sequence[Row]) -> list[Row]:
    """The first row of each text."""
    return list({normalised(row): row for row in reversed(rows)}.values())[::-1]


def describe(rows: Sequence[Row]) -> dict[str, Any]:
    """Counts the texts that come more than once in a split, those among them whose labels differ, and lists ids."""
    sets = _sets(rows)
    conflicting = [found for found in sets if len({row.example.label for row in found}) > 1]
    return {
        "texts": len(sets),
        "rows": sum(map(len, sets)),
        "conflicting_labels": len(conflicting),
        "listed": [
            [row.example.id for row in found] for found in sorted(sets, key=lambda found: found not in conflicting)
        ][:LISTED],
    }


def listed(found: Sequence[Any]) -> dict[str, Any]:
    """Counts all and lists the first."""
    return {"count": len(found), "listed": list(found[:LISTED])}


def near_duplicates(rows: Sequence[Row]) -> list[tuple[str, str, float]]:
    """Finds the pairs of texts whose character 5-grams have a Jaccard similarity of at least 0.8.

    Two pairs of texts are as similar as the less similar of their sides: two questions on one paragraph are no
    near-duplicates.

    Returns:
        (id, id, similarity) of each pair, most similar first.

    Source: prefix filtering, Bayardo et al. 2007, Scaling Up All Pairs Similarity Search: two sets that are so similar
    share one of their rarest n-grams, so only those are indexed. Where both sides are so similar, their union is.
    """
    texts = [_sides(row) for row in rows]
    grams = {  # by side and text: a paragraph of many questions is cut up once
        (number, text): [(number, text[i : i + GRAM]) for i in range(max(1, len(text) - GRAM + 1))]
        for sides in texts
        for number, text in enumerate(sides)
    }
    frequency = Counter(gram for sides in texts for side in enumerate(sides) for gram in set(grams[side]))
    rank = {gram: i for i, gram in enumerate(sorted(frequency, key=lambda gram: (frequency[gram], gram)))}
    ranks = {side: frozenset(rank[gram] for gram in found) for side, found in grams.items()}
    index: dict[int, list[int]] = defaultdict(list)
    pairs: list[tuple[str, str, float]] = []
    for current, sides in enumerate(texts):
        found = [ranks[side] for side in enumerate(sides)]
        rarest = sorted(frozenset().union(*found))
        prefix = rarest[: len(rarest) - math.ceil(NEAR * len(rarest)) + 1]
        for other in sorted({candidate for gram in prefix for candidate in index[gram]}):
            similarity = _similarity(found, [ranks[side] for side in enumerate(texts[other])])
            if similarity >= NEAR:
                pairs.append((rows[other].example.id, rows[current].example.id, round(similarity, 4)))
        for gram in prefix:
            index[gram].append(current)
    return sorted(pairs, key=lambda pair: (-pair[2], pair))


def _similarity(one: Sequence[frozenset[int]], other: Sequence[frozenset[int]]) -> float:
    """The similarity of the less similar sides, where that is near; a text and a pair are not similar."""
    lowest = 1.0 if len(one) == len(other) else 0.0
    for a, b in zip(one, other, strict=False):
        if lowest >= NEAR and a is not b:
            common = len(a & b)
            lowest = min(lowest, common / (len(a) + len(b) - common))
    return lowest
