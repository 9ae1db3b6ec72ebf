"""Rows of several systems in one order, or refused with what differs.

pytest tests/analysis/test_same_rows.py
"""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, strategies

from src.analysis.same_rows import align
from src.core.records import Prediction
from src.core.user_errors import UserError
from tests.rows import label, of_labels, words

A, B = label("1", "x", "x"), label("2", "x", "y")


def test_rows_of_one_place_stand_at_one_position_whatever_the_order_of_their_files() -> None:
    first = [label("10", "x", "x"), label("2", "x", "y"), label("2", "x", "x", split="unseen"), words("2", "B", "O")]
    second = [replace(row, predicted="z" if row.task == "cls" else ["B-X"]) for row in (first[i] for i in (3, 1, 2, 0))]
    found = align({"a": first, "b": second})
    places = [("cls", "test", "10"), ("cls", "test", "2"), ("cls", "unseen", "2"), ("span", "test", "2")]
    for name, rows in (("a", first), ("b", second)):
        assert [(row.task, row.split, row.id) for row in found[name]] == places
        assert sorted(map(repr, found[name])) == sorted(map(repr, rows))


def test_one_system_is_merely_sorted() -> None:
    assert align({"a": [B, A]}) == {"a": [A, B]}


def test_systems_keep_their_order() -> None:
    assert list(align({"z": [A], "a": [A], "m": [A]})) == ["z", "a", "m"]


def test_other_rows_are_refused_with_the_ids_that_differ_on_both_sides() -> None:
    with pytest.raises(UserError) as refused:
        align({"ours": [A, B], "theirs": [A, label("3", "x", "x", split="unseen")]})
    assert str(refused.value) == (
        "ours and theirs have different rows: 1 only in ours (2 of cls test); "
        "1 only in theirs (3 of cls unseen). Predict the same data with both"
    )


def test_a_side_that_lacks_nothing_is_not_spoken_of() -> None:
    with pytest.raises(UserError, match=r"rows: 1 only in b \(2 of cls test\)\. Predict"):
        align({"a": [A], "b": [A, B]})


def test_of_many_ids_that_differ_five_are_named_in_order() -> None:
    rows = [label(id, "x", "x") for id in (7, 3, 1, 9, 5, 2)]
    with pytest.raises(UserError) as refused:
        align({"a": rows, "b": [A]})
    assert "5 only in a (2 of cls test, 3 of cls test, 5 of cls test, 7 of cls test, 9 of cls test)." in str(
        refused.value
    )
    with pytest.raises(UserError, match=r"6 only in a \(1 of .*, 7 of cls test, \.\.\.\)"):
        align({"a": rows, "b": []})


def test_the_third_system_is_checked_as_well() -> None:
    with pytest.raises(UserError, match="a and c have different rows"):
        align({"a": [A], "b": [A], "c": [B]})


def test_another_gold_for_the_same_row_is_refused_with_its_id() -> None:
    with pytest.raises(
        UserError, match=r"a and b have different gold for the same rows: 2 of cls test\. Predict the same"
    ):
        align({"a": [A, B], "b": [A, replace(B, gold="y")]})


@given(of_labels(), strategies.randoms())
def test_the_order_of_rows_changes_nothing(rows: list[Prediction], random: Random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    found = align({"a": rows, "b": shuffled})
    assert found["a"] == found["b"]
    assert len(found["a"]) == len(rows)
