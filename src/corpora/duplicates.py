"""Texts that come more than once, and which rows must therefore stay in one split; near ones: near_duplicates.py.

Two texts are equal where their letters and digits are; a pair is equal where both its texts are.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

from src.core.records import SPLITS
from src.corpora.rows import Entry

ORDER = {name: number for number, name in enumerate(SPLITS)}
LISTED = 50  # of each kind, in metrics/data.json; the count beside them is of all


def _sets(rows: Sequence[Entry]) -> list[list[Entry]]:
    """The sets of rows with equal text, in the order of their first rows; rows that have no copy are in none."""
    sets: dict[bytes, list[Entry]] = defaultdict(list)
    for row in rows:
        sets[row.text_digest].append(row)
    return [found for found in sets.values() if len(found) > 1]


def units(rows: Sequence[Entry], inseparable: str | None) -> list[list[Entry]]:
    """Parts rows into those that must go to one split: copies of a text, and rows that are equal in a field.

    Args:
        inseparable: group, text_pair, or None: copies alone. What is None in a row ties it to no other.

    Returns:
        Units in the order of the ids of their first rows, each sorted by id.
    """
    rows = sorted(rows, key=lambda row: row.id)
    unit_of = list(range(len(rows)))

    def root(i: int) -> int:
        while unit_of[i] != i:
            unit_of[i] = unit_of[unit_of[i]]
            i = unit_of[i]
        return i

    firsts: dict[Hashable, int] = {}
    for i, row in enumerate(rows):
        ties: list[Hashable] = [("text", row.text_digest)]
        if inseparable is not None and (value := value_of(row, inseparable)) is not None:
            ties.append((inseparable, value))
        for tie in ties:
            one, other = sorted((root(firsts.setdefault(tie, i)), root(i)))
            unit_of[other] = one
    found: dict[int, list[Entry]] = defaultdict(list)
    for i, row in enumerate(rows):
        found[root(i)].append(row)
    return list(found.values())


def value_of(row: Entry, field: str) -> Hashable:
    """What rows that are equal in a field, group or text_pair, have in common; None where the row has no value."""
    return {"group": row.group, "text_pair": row.pair_digest}[field]


def leaking(rows: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """Finds the rows that have a copy in another split: (row, copy), the copy being in the split that is kept whole.

    A test that lost rows would be another test, so of two splits unseen is kept before test, test before validation,
    and all before train.
    """
    found = []
    for copies in _sets([row for row in rows if row.split]):
        kept = max(copies, key=lambda row: ORDER.get(row.split, -1))
        found += [(row, kept) for row in copies if row.split != kept.split]
    return found


def distinct(rows: Sequence[Entry]) -> list[Entry]:
    """The first row of each text."""
    return list({row.text_digest: row for row in reversed(rows)}.values())[::-1]


def describe(rows: Sequence[Entry]) -> dict[str, Any]:
    """Counts the texts that come more than once in a split, those among them whose labels differ, and lists ids."""
    sets = _sets(rows)
    conflicting = [found for found in sets if len({row.label for row in found}) > 1]
    conflicting_first = sorted(sets, key=lambda found: found not in conflicting)
    return {
        "texts": len(sets),
        "rows": sum(map(len, sets)),
        "conflicting_labels": len(conflicting),
        "listed": [[row.id for row in found] for found in conflicting_first[:LISTED]],
    }


def listed(found: Sequence[Any]) -> dict[str, Any]:
    """Counts all and lists the first."""
    return {"count": len(found), "listed": list(found[:LISTED])}
