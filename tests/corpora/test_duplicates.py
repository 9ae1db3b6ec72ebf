"""Copies of texts: which rows stay in one split, which are leaks, what is reported; and splits made of such units.

pytest tests/corpora/test_duplicates.py
"""

import random
import time
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from src.core import config
from src.core.config import PrepareParams
from src.core.records import Example
from src.core.user_errors import UserError
from src.corpora.duplicates import describe, distinct, leaking, listed, units
from src.corpora.near_duplicates import near_duplicates
from src.corpora.rows import Row
from src.corpora.split import assign
from tests.conftest import ROOT


def row(identity: str, text: str, **fields: Any) -> Row:
    """A row of a table without splits."""
    return Row(Example(**{"id": identity, "text": text, "split": "", **fields}), Path("a.csv"), 2, {})


def params(**changes: Any) -> PrepareParams:
    """The shipped parameters, with changes."""
    return PrepareParams(**config.load(ROOT / "params.yaml").prepare.model_dump() | changes)


def ids(found: list[list[Row]]) -> list[list[str]]:
    return [[row.example.id for row in unit] for unit in found]


def split_of(rows: list[Row]) -> dict[str, str]:
    return {row.example.id: row.example.split for row in rows}


def test_a_unit_is_a_text_or_a_group_or_what_ties_both() -> None:
    rows = [row("e", "x"), row("d", "Y!", group="2"), row("c", "y", group="1"), row("b", "z", group="1"),
            row("a", "u", group=None)]  # fmt: skip
    assert ids(units(rows, None)) == [["a"], ["b"], ["c", "d"], ["e"]]
    assert ids(units(rows, "group")) == [["a"], ["b", "c", "d"], ["e"]]
    assert ids(units(rows, "text_pair")) == [["a"], ["b"], ["c", "d"], ["e"]]


def test_questions_on_one_paragraph_are_a_unit_where_the_pair_is_inseparable() -> None:
    rows = [row("a", "x?", text_pair="one"), row("b", "y?", text_pair="two"), row("c", "z?", text_pair="one")]
    assert ids(units(rows, "text_pair")) == [["a", "c"], ["b"]]
    assert ids(units(rows, None)) == [["a"], ["b"], ["c"]]


def test_of_two_splits_the_one_that_is_learnt_from_loses_the_copy() -> None:
    rows = [row("a", "x", split="test"), row("b", "X", split="train"), row("c", "x.", split="validation"),
            row("d", "y", split="train"), row("e", "y", split="train"), row("f", "z", split="unseen"),
            row("g", "z", split="test")]  # fmt: skip
    found = [(leak.example.id, copy.example.id) for leak, copy in leaking(rows)]
    assert found == [("b", "a"), ("c", "a"), ("g", "f")]


def test_copies_in_a_split_are_counted_and_those_whose_labels_differ_come_first() -> None:
    rows = [row("a", "x", label="no"), row("b", "x", label="no"), row("c", "y", label="no"), row("d", "y", label="yes"),
            row("e", "z", label="no")]  # fmt: skip
    assert describe(rows) == {"texts": 2, "rows": 4, "conflicting_labels": 1, "listed": [["c", "d"], ["a", "b"]]}
    assert ids([distinct(rows)]) == [["a", "c", "e"]]


def test_a_long_list_is_cut_and_its_count_is_not() -> None:
    rows = [row(f"{number:03}{copy}", f"text {number}") for number in range(60) for copy in "ab"]
    assert (describe(rows)["texts"], len(describe(rows)["listed"])) == (60, 50)
    assert listed(range(60)) == {"count": 60, "listed": list(range(50))}


def test_a_pair_is_a_near_duplicate_where_both_sides_are() -> None:
    paragraph = "The ice broke under the horses of the knights, and the lake took them all. " * 3
    rows = [
        row("a", "What broke under the horses?", text_pair=paragraph),
        row("b", "Who drowned in the lake?", text_pair=paragraph),
        row("c", "What broke under the horses??", text_pair=paragraph + " So it is told."),
        row("d", "What broke under the horses?"),
    ]
    assert [found[:2] for found in near_duplicates(rows)] == [("a", "c")]


def test_pairs_are_compared_as_fully_as_by_brute_force() -> None:
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefgh", k=6)) for _ in range(30)]
    long = [" ".join(draw.choices(words, k=25)) for _ in range(8)]
    short = [" ".join(draw.choices(words, k=5)) for _ in range(8)]
    rows = []
    for number in range(150):
        sides = [draw.choice(short), draw.choice(long)]
        side = draw.randrange(2)
        sides[side] += draw.choice(["", "x", " yz", " so it is"])
        rows.append(row(f"{number:03}", sides[0], text_pair=sides[1]))
    rows = distinct(rows)

    def grams(text: str) -> set[str]:
        letters = text.replace(" ", "")
        return {letters[i : i + 5] for i in range(len(letters) - 4)}

    expected = set()
    for i, one in enumerate(rows):
        for other in rows[i + 1 :]:
            sides = [(grams(a), grams(b)) for a, b in (
                (one.example.text, other.example.text), (one.example.text_pair or "", other.example.text_pair or ""),
            )]  # fmt: skip
            if all(5 * len(a & b) >= 4 * len(a | b) for a, b in sides):
                expected.add((one.example.id, other.example.id))
    assert 20 < len(expected) < 5000
    assert {found[:2] for found in near_duplicates(rows)} == expected


def test_a_few_criteria_on_many_posts_are_compared_quickly() -> None:
    draw = random.Random(2)
    posts = ["".join(draw.choices("abcdefghij ", k=300)) for _ in range(300)]
    rows = [row(f"{p}/{c}", f"The writer has symptom number {c} of nine.", text_pair=post)
            for p, post in enumerate(posts) for c in "abcdefghi"]  # fmt: skip
    started = time.monotonic()
    assert near_duplicates(rows) == []
    assert time.monotonic() - started < 20  # all with all are 3,644,650 pairs


def made(sizes: list[int], labels: str = "no yes", **fields: Any) -> list[Row]:
    """Rows in groups of these sizes, labels in turn."""
    names = labels.split()
    return [
        row(f"{group:02}-{number:03}", f"text {group} {number}", group=str(group), label=names[number % len(names)])
        for group, size in enumerate(sizes)
        for number in range(size)
    ]


def test_a_corpus_without_a_split_is_split_afresh_by_label() -> None:
    rows = [replace(found, example=replace(found.example, group=None)) for found in made([100])]
    sizes = Counter((found.example.label, found.example.split) for found in assign(rows, [], params()))
    assert sizes == {(label, split): n for label in ("no", "yes")
                     for split, n in (("train", 40), ("validation", 5), ("test", 5))}  # fmt: skip


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"train": 80, "test": 20}, {"train": 72, "validation": 8, "test": 20}),
        ({"train": 80, "validation": 20}, {"train": 72, "validation": 20, "test": 8}),
        ({"train": 100}, {"train": 80, "validation": 10, "test": 10}),
        ({"train": 60, "validation": 20, "test": 20}, {"train": 60, "validation": 20, "test": 20}),
    ],
    ids=str,
)
def test_what_the_own_split_lacks_is_drawn_from_its_train(own: dict[str, int], expected: dict[str, int]) -> None:
    names = [name for name, n in own.items() for _ in range(n)]
    rows = [
        replace(found, example=replace(found.example, split=name, group=None))
        for found, name in zip(made([100]), names, strict=True)
    ]
    placed = assign(rows, [], params())
    assert Counter(found.example.split for found in placed) == expected
    for before, after in zip(rows, placed, strict=True):
        assert after.example.split == before.example.split or before.example.split == "train"


def test_a_row_without_a_split_among_rows_that_have_one_is_refused() -> None:
    rows = [replace(found, example=replace(found.example, split="train")) for found in made([20])]
    with pytest.raises(UserError, match="unknown split"):
        assign([*rows, row("z", "of no split")], [], params())


@pytest.mark.parametrize("seed", range(5))
def test_copies_follow_one_another_in_a_fresh_split(seed: int) -> None:
    rows = made([10] * 10)
    copies = [replace(found, example=replace(found.example, id=f"{found.example.id}x")) for found in rows[::2]]
    placed = split_of(assign([*rows, *copies], [], params(split_seed=seed)))
    assert all(placed[found.example.id] == placed[found.example.id + "x"] for found in rows[::2])
    assert set(placed.values()) == {"train", "validation", "test"}
    for fold in range(3):
        chosen = params(split="fresh", folds=3, fold=fold, split_seed=seed)
        placed = split_of(assign([*rows, *copies], [], chosen))
        assert all(placed[found.example.id] == placed[found.example.id + "x"] for found in rows[::2])
        assert 40 <= Counter(placed.values())["test"] <= 60


@pytest.mark.parametrize("sizes", [[20] * 32, [1, 3, 5, 7, 9, 615], [615, 9, 7, 5, 3, 1], list(range(1, 40))], ids=str)
def test_whole_groups_go_to_splits_of_about_the_sizes_that_were_asked_for(sizes: list[int]) -> None:
    rows = made(sizes)
    drawn = set()
    for seed in range(5):
        placed = assign(rows, [], params(split_seed=seed), "group")
        splits = defaultdict(set)
        for found in placed:
            splits[found.example.group].add(found.example.split)
        assert all(len(names) == 1 for names in splits.values())
        found_sizes = Counter(found.example.split for found in placed)
        assert set(found_sizes) == {"train", "validation", "test"}
        if max(sizes) < 100:
            for split, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
                assert abs(found_sizes[split] - share * len(rows)) <= max(sizes)
        drawn.add(tuple(sorted(split_of(placed).items())))
        assert split_of(assign(rows[::-1], [], params(split_seed=seed), "group")) == split_of(placed)
    assert len(drawn) > 1


def test_whole_groups_are_balanced_in_labels_as_far_as_they_allow() -> None:
    rows = [
        replace(found, example=replace(found.example, label="yes" if int(found.example.group or 0) % 2 else "no"))
        for found in made([10] * 40)
    ]
    sizes = Counter((found.example.split, found.example.label) for found in assign(rows, [], params(), "group"))
    assert sizes == {(split, label): n for label in ("no", "yes")
                     for split, n in (("train", 160), ("validation", 20), ("test", 20))}  # fmt: skip


def test_groups_are_held_out_beside_whole_groups() -> None:
    rows = made([10] * 20)
    chosen = params(split="fresh", group_by="group", unseen_groups=["3", "4"])
    placed = assign(rows, ["3", "4"], chosen, "group")
    assert {found.example.group for found in placed if found.example.split == "unseen"} == {"3", "4"}
    assert Counter(found.example.split for found in placed) == {
        "train": 140,
        "validation": 20,
        "test": 20,
        "unseen": 20,
    }


def test_answers_are_spread_over_splits_where_there_are_no_labels() -> None:
    rows = [row(f"{number:03}", f"text {number}", answers=[[0, 4]] if number % 4 else []) for number in range(100)]
    placed = assign(rows, [], params())
    assert Counter(found.example.split for found in placed if not found.example.answers) == {
        "train": 20, "validation": 3, "test": 2,
    }  # fmt: skip
