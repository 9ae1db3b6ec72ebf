"""Categories of mistakes, every one by hand, in the order of the specification.

pytest tests/analysis/test_error_categories.py
"""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given

from src.analysis import error_categories
from src.core.records import Prediction
from src.tasks import TASKS
from tests.rows import answer, label, of_labels, of_tags, sure, words

SPAN = (
    "PERFECT", "PARTIAL_START", "PARTIAL_END", "PARTIAL_BOTH", "EXTEND_START", "EXTEND_END", "EXTEND_BOTH", "MISS",
    "FALSE_POSITIVE", "SHIFT", "WRONG_SPAN", "MULTI_SPAN",
)  # fmt: skip


def length(row: Prediction) -> int | None:
    return TASKS[row.task].target_length(row)


def confidence(row: Prediction) -> float | None:
    return TASKS[row.task].confidence(row)


def of_words(gold: str, predicted: str) -> str:
    [found] = error_categories.categories([words(1, gold, predicted)])
    return found


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ("OBIIO", "OBIIO", "PERFECT"),
        ("OOOOO", "OOOOO", "PERFECT"),
        ("", "", "PERFECT"),
        ("BOBOO", "BOBOO", "PERFECT"),  # equal tags come first, so two spans are no MULTI_SPAN
        ("OOOOO", "OBIOO", "FALSE_POSITIVE"),
        ("OOOOO", "OBOBO", "FALSE_POSITIVE"),  # before MULTI_SPAN
        ("OBIIO", "OOOOO", "MISS"),
        ("OBIIO", "BOBII", "MULTI_SPAN"),
        ("OBIIO", "OBBBO", "MULTI_SPAN"),
        ("OBOOO", "OBOOB", "MULTI_SPAN"),  # even where one of them is right
        ("OBIIO", "BOOOO", "WRONG_SPAN"),
        ("OBIIO", "OOOOB", "WRONG_SPAN"),  # touching is no overlap
        ("BOOOO", "OOOBI", "WRONG_SPAN"),
        ("OBIIO", "OOBIO", "PARTIAL_START"),
        ("OBIIO", "OBIOO", "PARTIAL_END"),
        ("OBIII", "OOBIO", "PARTIAL_BOTH"),
        ("OBIIO", "BIIIO", "EXTEND_START"),
        ("OBIIO", "OBIII", "EXTEND_END"),
        ("OBIIO", "BIIII", "EXTEND_BOTH"),
        ("OBIIO", "BIIOO", "SHIFT"),  # to the front
        ("OBIIO", "OOBII", "SHIFT"),  # to the back
        ("OBIIO", "ObiiO", "SHIFT"),  # the same words, another kind: any other overlap
    ],
)
def test_the_category_of_words(gold: str, predicted: str, expected: str) -> None:
    assert of_words(gold, predicted) == expected


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ("BIOBII", "OOOOBI", "PARTIAL_START"),  # of the second
        ("BIOBII", "BOOOOO", "PARTIAL_END"),  # of the first
        ("BIOBII", "OOOBOO", "PARTIAL_END"),
        ("BIOBII", "OBIIII", "EXTEND_START"),  # one word of the first, three of the second
        ("BIOBII", "OOBOOO", "WRONG_SPAN"),  # between both
        ("BIOBII", "OOOOOO", "MISS"),
        ("BIOBII", "BIOBIO", "MULTI_SPAN"),
    ],
)
def test_of_several_gold_spans_the_one_is_meant_that_is_overlapped_most(
    gold: str, predicted: str, expected: str
) -> None:
    assert of_words(gold, predicted) == expected


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ("OBIIO", "OIIIO", "MISS"),  # nothing is opened
        ("OBIIO", "IOBIO", "PARTIAL_START"),  # the first I- is no second span
        ("OBIIO", "OBIiO", "PARTIAL_END"),  # an I- of another kind does not go on
        ("OBIIO", "IBIIO", "SHIFT"),  # the right span, but other tags: not perfect
        ("OOOOO", "OIOOO", "FALSE_POSITIVE"),
    ],
)
def test_an_inside_tag_that_continues_no_span_opens_none(gold: str, predicted: str, expected: str) -> None:
    assert of_words(gold, predicted) == expected


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ([], None, "PERFECT"),
        ([[3, 8]], [3, 8], "PERFECT"),
        ([[3, 8], [20, 25]], [20, 25], "PERFECT"),
        ([], [3, 8], "FALSE_POSITIVE"),
        ([[3, 8]], None, "MISS"),
        ([[3, 8]], [8, 9], "WRONG_SPAN"),
        ([[3, 8]], [4, 8], "PARTIAL_START"),
        ([[3, 8]], [3, 7], "PARTIAL_END"),
        ([[3, 8]], [4, 7], "PARTIAL_BOTH"),
        ([[3, 8]], [2, 8], "EXTEND_START"),
        ([[3, 8]], [3, 9], "EXTEND_END"),
        ([[3, 8]], [2, 9], "EXTEND_BOTH"),
        ([[3, 8]], [2, 4], "SHIFT"),
        ([[3, 8], [20, 25]], [20, 24], "PARTIAL_END"),
    ],
)
def test_the_category_of_answers(gold: list[list[int]], predicted: list[int] | None, expected: str) -> None:
    assert error_categories.categories([answer(1, gold, predicted)]) == [expected]


RIGHT, FIGURATIVE_MISSED, LITERAL_MARKED = ("Literal", "Literal"), ("Figurative", "Literal"), ("Literal", "Figurative")


@pytest.mark.parametrize(
    "labels", [("Literal", "Figurative"), ("Figurative", "Literal"), None], ids=["literal first", "last", "unknown"]
)
@pytest.mark.parametrize("spelling", [str, str.lower])
def test_literal_is_the_negative_whatever_its_place_and_its_case(
    labels: tuple[str, str] | None, spelling: type[str]
) -> None:
    p = None if labels is None else dict.fromkeys(map(spelling, labels), 0.5)
    pairs = [RIGHT, FIGURATIVE_MISSED, LITERAL_MARKED, ("Figurative", "Figurative")]
    rows = [label(i, spelling(gold), spelling(predicted), p) for i, (gold, predicted) in enumerate(pairs)]
    assert error_categories.categories(rows) == ["CORRECT", "FALSE_NEGATIVE", "FALSE_POSITIVE", "CORRECT"]


def test_the_category_of_one_row_is_that_among_others() -> None:
    """Rows without probabilities, of which one label alone may occur."""
    assert error_categories.categories([label(1, *FIGURATIVE_MISSED)]) == ["FALSE_NEGATIVE"]
    assert error_categories.categories([label(1, *LITERAL_MARKED)]) == ["FALSE_POSITIVE"]
    assert error_categories.categories([label(1, "Figurative", "Figurative")]) == ["CORRECT"]


def test_of_two_other_labels_the_first_is_the_negative() -> None:
    rows = [label(1, "no", "yes", {"no": 0.1, "yes": 0.9}), label(2, "yes", "no", {"no": 0.8, "yes": 0.2})]
    assert error_categories.categories(rows) == ["FALSE_POSITIVE", "FALSE_NEGATIVE"]
    swapped = [replace(row, probabilities=dict(reversed(row.probabilities.items()))) for row in rows]
    assert error_categories.categories(swapped) == ["FALSE_NEGATIVE", "FALSE_POSITIVE"]


def test_without_an_order_nobody_knows_which_of_two_other_labels_is_the_negative() -> None:
    assert error_categories.categories([label(1, "b", "a"), label(2, "a", "b")]) == ["b->a", "a->b"]


def test_of_three_labels_a_mistake_is_named_by_both() -> None:
    rows = [label(1, "a", "b"), label(2, "b", "a"), label(3, "c", "c"), label(4, "c", "a")]
    assert error_categories.categories(rows) == ["a->b", "b->a", "CORRECT", "c->a"]
    assert error_categories.count(rows) == {"CORRECT": 1, "a->b": 1, "b->a": 1, "c->a": 1}


def test_a_third_label_that_is_never_predicted_counts_as_well() -> None:
    p = {"Literal": 0.4, "Figurative": 0.6, "Unclear": 0.0}
    assert error_categories.categories([label(1, "Literal", "Figurative", p)]) == ["Literal->Figurative"]


def test_categories_of_words_are_counted_in_one_order_even_those_that_do_not_occur() -> None:
    found = error_categories.count([words(1, "OB", "OO"), words(2, "OB", "OB"), words(3, "OB", "OO")])
    assert tuple(found) == SPAN
    assert {name: number for name, number in found.items() if number} == {"PERFECT": 1, "MISS": 2}


def test_groups_of_categories_are_boundary_detection_and_position() -> None:
    counts = {name: 10**i for i, name in enumerate(SPAN)}
    assert error_categories.grouped("span", counts) == {
        "PERFECT": 1, "BOUNDARY": 1111110, "DETECTION": 110000000, "POSITION": 111000000000,
    }  # fmt: skip
    assert error_categories.grouped("cls", {"CORRECT": 3, "FALSE_POSITIVE": 1}) == {"CORRECT": 3, "FALSE_POSITIVE": 1}


@given(of_tags())
def test_shares_of_words_add_up_to_one_and_groups_to_all_rows(rows: list[Prediction]) -> None:
    counts = error_categories.count(rows)
    assert sum(counts.values()) == len(rows)
    assert tuple(counts) == SPAN
    assert sum(error_categories.shares(counts).values()) == pytest.approx(1)
    assert sum(error_categories.grouped("span", counts).values()) == len(rows)
    assert error_categories.count(rows[::-1]) == counts
    assert counts["PERFECT"] == sum(row.gold == row.predicted for row in rows)


@given(of_labels())
def test_shares_of_labels_add_up_to_one_and_the_order_of_rows_changes_nothing(rows: list[Prediction]) -> None:
    counts = error_categories.count(rows)
    assert sum(error_categories.shares(counts).values()) == pytest.approx(1)
    assert error_categories.count(rows[::-1]) == counts
    assert counts["CORRECT"] == sum(row.gold == row.predicted for row in rows)


def test_shares_of_nothing_are_zero() -> None:
    assert error_categories.shares({"PERFECT": 0, "MISS": 0}) == {"PERFECT": 0.0, "MISS": 0.0}


def test_categories_are_counted_by_group_in_order_and_rows_of_none_are_passed_over() -> None:
    rows = [
        sure(1, "Literal", 0.9, group="ת"), sure(2, "Literal", 0.1, group="א"), sure(3, "Figurative", 0.1, group="ת"),
        sure(4, "Literal", 0.1),
    ]  # fmt: skip
    found = error_categories.by(rows, lambda row: row.group)
    assert list(found) == ["א", "ת"]
    assert found == {
        "א": {"CORRECT": 1, "FALSE_NEGATIVE": 0, "FALSE_POSITIVE": 0},
        "ת": {"CORRECT": 0, "FALSE_NEGATIVE": 1, "FALSE_POSITIVE": 1},
    }


@given(of_tags())
def test_what_is_counted_by_a_key_adds_up_to_the_whole(rows: list[Prediction]) -> None:
    found = error_categories.by(rows, TASKS[rows[0].task].target_length)
    assert sum(map(Counter, found.values()), Counter()) == Counter(
        {k: n for k, n in error_categories.count(rows).items() if n}
    )
    assert list(found) == sorted(found)


def test_the_length_of_what_is_to_be_found() -> None:
    assert [length(words(1, gold, gold)) for gold in ("OOO", "OBI", "BIIOB", "")] == [0, 2, 4, 0]
    assert length(answer(1, [[3, 8], [1, 2]], None)) == 5
    assert length(answer(1, [], None)) == 0
    assert length(label(1, "a", "a")) is None


def test_confidence_is_that_in_what_was_predicted() -> None:
    assert confidence(sure(1, "Literal", 0.75)) == 0.75
    assert confidence(label(1, "a", "a", {"a": 0.25, "b": 0.75})) == 0.25
    assert confidence(words(1, "OB", "OB", [0.5, 1.0])) == 0.75
    assert confidence(replace(answer(1, [], [1, 2]), score=2.0, null_score=5.0)) == 3.0
    for row in (
        label(1, "a", "a"),
        words(1, "OB", "OB"),
        replace(words(1, "", ""), probabilities=[]),
        answer(1, [], None),
    ):
        assert confidence(row) is None


def test_the_surest_mistakes_come_first_and_what_is_right_is_none() -> None:
    rows = [
        sure("d", "Literal", 0.7), sure("a", "Literal", 0.9), sure("b", "Figurative", 0.95),
        sure("c", "Figurative", 0.3), sure("e", "Literal", 0.99),
    ]  # fmt: skip
    found = error_categories.most_confident(rows, 10)
    assert [(row.id, category) for row, category in found] == [
        ("e", "FALSE_POSITIVE"), ("a", "FALSE_POSITIVE"), ("c", "FALSE_NEGATIVE"), ("d", "FALSE_POSITIVE"),
    ]  # fmt: skip
    assert [row.id for row, _ in error_categories.most_confident(rows, 2)] == ["e", "a"]
    assert [row.id for row, _ in error_categories.most_confident(rows[::-1], 10)] == ["e", "a", "c", "d"]


def test_mistakes_without_a_confidence_come_by_id() -> None:
    assert [row.id for row, _ in error_categories.most_confident([words(id, "B", "O") for id in "cab"], 2)] == [
        "a",
        "b",
    ]


@pytest.mark.parametrize(
    ("row", "answer_of", "expected"),
    [
        (label(1, "Literal", "Figurative"), "predicted", "Figurative"),
        (words(1, "BIOB", "OOOO"), "gold", "0 1 | 3"),
        (words(1, "BIOB", "OOOO"), "predicted", "-"),
        (replace(words(1, "BIOB", "OOOO"), tokens=["שבר", "שתיקה", "כי", "x"]), "gold", "שבר שתיקה | x"),
        (words(1, "", ""), "gold", "-"),
        (answer(1, [[3, 8], [10, 12]], None), "gold", "3-8 | 10-12"),
        (answer(1, [], [3, 8]), "predicted", "3-8"),
        (answer(1, [], None), "predicted", "-"),
        (answer(1, [], None), "gold", "-"),
    ],
)
def test_what_was_meant_is_spelt_for_a_reader(row: Prediction, answer_of: str, expected: str) -> None:
    assert TASKS[row.task].spelled(row, getattr(row, answer_of)) == expected
