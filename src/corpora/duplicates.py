"""Duplicate texts, and the rows that must therefore stay in one split; for near-duplicates see near_duplicates.py.

Two texts are equal if their letters and digits are equal; two pairs are equal if both texts are.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

from src.core.records import SPLITS
from src.corpora.rows import Entry

ORDER = {name: number for number, name in enumerate(SPLITS)}
LISTED = 50  # items of each kind in metrics/data.json; the count includes all items


def _sets(rows: Sequence[Entry]) -> list[list[Entry]]:
    """The sets of rows with equal text, in the order of their first rows; rows without a copy are left out."""
    sets: dict[bytes, list[Entry]] = defaultdict(list)
    for row in rows:
        sets[row.text_digest].append(row)
    return [copies for copies in sets.values() if len(copies) > 1]


def units(rows: Sequence[Entry], inseparable: str | None) -> list[list[Entry]]:
    """Groups the rows that must go to one split: copies of a text, and rows that are equal in a field.

    Args:
        inseparable: group, text_pair, or None: only copies. A row whose value is None is not tied to others.

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
            first, second = sorted((root(firsts.setdefault(tie, i)), root(i)))
            unit_of[second] = first
    members: dict[int, list[Entry]] = defaultdict(list)
    for i, row in enumerate(rows):
        members[root(i)].append(row)
    return list(members.values())


def value_of(row: Entry, field: str) -> Hashable:
    """The value that rows with an equal field, group or text_pair, share; None: the row has no value."""
    return {"group": row.group, "text_pair": row.pair_digest}[field]


def leaking(rows: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """Returns (row, copy) for each row with a copy in another split; the split of the copy is kept whole.

    Test splits must not lose rows. The order of precedence is unseen, test, validation, train.
    """
    leaks = []
    for copies in _sets([row for row in rows if row.split]):
        kept = max(copies, key=lambda row: ORDER.get(row.split, -1))
        leaks += [(row, kept) for row in copies if row.split != kept.split]
    return leaks


def distinct(rows: Sequence[Entry]) -> list[Entry]:
    """The first row of each text."""
    return list({row.text_digest: row for row in reversed(rows)}.values())[::-1]


def describe(rows: Sequence[Entry]) -> dict[str, Any]:
    """Counts duplicate texts, and those with different labels, and lists their ids."""
    sets = _sets(rows)
    conflicting = [copies for copies in sets if len({row.label for row in copies}) > 1]
    conflicting_first = sorted(sets, key=lambda copies: copies not in conflicting)
    return {
        "texts": len(sets),
        "rows": sum(map(len, sets)),
        "conflicting_labels": len(conflicting),
        "listed": [[row.id for row in copies] for copies in conflicting_first[:LISTED]],
    }


def listed(items: Sequence[Any]) -> dict[str, Any]:
    """Counts all items and lists the first."""
    return {"count": len(items), "listed": list(items[:LISTED])}
