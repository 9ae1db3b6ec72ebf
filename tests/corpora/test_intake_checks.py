"""Intake checks: rows by themselves, leaks, near-duplicates. Their way through the stage: tests/stages/test_prepare.py.

pytest tests/corpora/test_intake_checks.py
"""

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from src import corpora
from src.core.records import Example
from src.core.user_errors import UserError
from src.corpora import corpus_file
from src.corpora.corpus_file import Corpus
from src.corpora.intake_checks import check_kinds, check_leaks, check_rows, check_sizes, find_leaks
from src.corpora.near_duplicates import near_duplicates
from src.corpora.rows import Row, letters
from tests.corpora.conftest import SmallCorpus

ROOT = Path(__file__).parents[2]
COLUMNS = {
    name: f"its_{name}" for name in ("id", "text", "text_pair", "group", "label", "tokens", "tags", "answers", "split")
}


def row(number: int, **changes: Any) -> Row:
    """A valid row, of its own text and id, with changes to its example."""
    example = Example(id=f"r{number}", text=f"משפט {number}", label="Literal", group="g", split="train")
    return Row(replace(example, **changes), Path("data.csv"), number, COLUMNS)


def texts(*values: str) -> list[Row]:
    """Rows with these texts."""
    return [row(number, text=value) for number, value in enumerate(values, start=2)]


@pytest.fixture
def meta(corpus: SmallCorpus) -> Corpus:
    """The corpus.yaml that goes with `row`."""
    return corpus_file.load(corpus.write())


def refusal(rows: Sequence[Row], meta: Corpus) -> str:
    """The message with which rows are refused."""
    with pytest.raises(UserError) as error:
        check_rows(rows, meta)
    return str(error.value)


def test_rows_that_are_right_pass(meta: Corpus) -> None:
    check_rows([row(2), row(3, label=None), row(4, tokens=["משפט", "4"], tags=["B-X", "I-X"]), row(5, tags=None)], meta)


@pytest.mark.parametrize(
    ("changes", "column", "fragments"),
    [
        ({"id": ""}, "id", ["empty", "''"]),
        ({"text": ""}, "text", ["''"]),
        ({"text": " \u200f\n"}, "text", ["' \\u200f\\n'"]),
        ({"text_pair": " "}, "text_pair", ["' '"]),
        ({"answers": [[0, 2], [3, 8]]}, "answers", ["[3, 8]", "6 characters"]),
        ({"answers": [[2, 2]]}, "answers", ["[2, 2]"]),
        ({"text_pair": "abc", "answers": [[2, 4]]}, "answers", ["[2, 4]", "3 characters"]),
        ({"label": "literal"}, "label", ["'literal'", "Literal, Figurative"]),
        ({"label": "-1"}, "label", ["'-1'", "Literal, Figurative"]),
        ({"label": ""}, "label", ["''"]),
        ({"tokens": ["משפט", "3"], "tags": ["O"]}, "tags", ["1 tags for 2 words", "['O']"]),
        ({"tokens": ["משפט"], "tags": ["O", "O"]}, "tags", ["2 tags for 1 words"]),
        ({"tokens": ["משפט", "3"], "tags": ["O", "I-X"]}, "tags", ["tag 2, 'I-X'", "['O', 'I-X']"]),
        ({"tokens": ["משפט", "3"], "tags": ["B-X", "I-Y"]}, "tags", ["tag 2, 'I-Y'"]),
        ({"tokens": ["משפט", "3"], "tags": ["b-x", "O"]}, "tags", ["tag 1, 'b-x'"]),
        ({"tokens": ["3", "משפט"], "tags": ["O", "O"]}, "tokens", ["'משפט'", "['3', 'משפט']"]),
        ({"tokens": ["משפט", ""], "tags": ["O", "O"]}, "tokens", ["''"]),
    ],
)
def test_a_row_that_is_wrong_is_named_with_column_and_value(
    meta: Corpus, changes: dict[str, Any], column: str, fragments: list[str]
) -> None:
    message = refusal([row(2), row(3, **changes), row(4)], meta)
    assert message.startswith(f"data.csv, row 3, column 'its_{column}': ")
    for fragment in fragments:
        assert fragment in message


def test_an_id_that_comes_twice_names_both_places(meta: Corpus) -> None:
    message = refusal([row(2), row(3), row(4, id="r2")], meta)
    assert message.startswith("data.csv, row 4, column 'its_id': ")
    assert "data.csv, row 2" in message
    assert message.endswith("'r2'")


@pytest.mark.parametrize(
    "copy", ["Dan broke it", "dan BROKE it", "Dan broke it!", '"Dan"  broke\tit...', "Dan-broke–it", "_Dan_broke it"]
)
def test_a_text_in_two_splits_but_for_case_spaces_and_punctuation_names_both_places(meta: Corpus, copy: str) -> None:
    rows = texts("Dan broke it", "another", copy)
    rows[2] = replace(rows[2], example=replace(rows[2].example, split="test"))
    check_rows(rows, meta)
    with pytest.raises(UserError) as error:
        check_leaks(rows)
    message = str(error.value)
    assert message.startswith("data.csv, row 4, column 'its_text': leak: ")
    assert "data.csv, row 2, in split train" in message
    assert repr(copy) in message
    check_leaks([replace(row, example=replace(row.example, split="train")) for row in rows])


@pytest.mark.parametrize(
    ("text", "plain"), [('דובר צה"ל, אמר!', "דוברצהלאמר"), ("A_b – C 7", "abc7"), ("Straße", "strasse")]
)
def test_a_text_is_compared_by_letters_and_digits_alone(text: str, plain: str) -> None:
    assert letters(row(2, text=text).example) == [plain]


def test_a_text_without_letters_is_compared_by_its_marks() -> None:
    assert [letters(row(2, text=text).example) for text in (": )", ":(", "😀")] == [[":)"], [":("], ["😀"]]


def test_a_pair_is_compared_as_a_pair() -> None:
    def in_two_splits(one: dict[str, Any], other: dict[str, Any]) -> list[Row]:
        return [row(2, **one), row(3, **other, split="test")]

    check_leaks(in_two_splits({"text": "a", "text_pair": "b"}, {"text": "a", "text_pair": "c"}))
    check_leaks(in_two_splits({"text": "a", "text_pair": "b"}, {"text": "a"}))
    check_leaks(in_two_splits({"text": "ab", "text_pair": "c"}, {"text": "a", "text_pair": "bc"}))
    with pytest.raises(UserError, match="row 3"):
        check_leaks(in_two_splits({"text": "a", "text_pair": "b"}, {"text": "A", "text_pair": "b."}))


@pytest.mark.parametrize("field", ["group", "text_pair"])
def test_rows_that_must_stay_together_are_refused_in_two_splits(field: str) -> None:
    rows = [row(2), row(3, split="validation"), row(4, split="test")]
    rows = [replace(row, example=replace(row.example, group=None)) for row in rows]
    check_leaks(rows, field)
    rows[0], rows[2] = (replace(row, example=replace(row.example, **{field: "x"})) for row in (rows[0], rows[2]))
    check_leaks(rows)
    with pytest.raises(UserError) as error:
        check_leaks(rows, field)
    assert str(error.value).startswith("data.csv, row 4, column '")
    assert "data.csv, row 2, in split train" in str(error.value)


def test_rows_may_be_inseparable_in_two_fields_and_each_leak_is_told_once() -> None:
    rows = [row(2, group="x", text_pair="p"), row(3, group="x", text_pair="p", split="test")]
    told = [str(leak).partition(":")[0] for leak in find_leaks(rows, "text_pair", None, "group", "text_pair")]
    assert told == ["data.csv, row 3, column 'its_text_pair'", "data.csv, row 3, column 'its_group'"]


FULL = [row(2), row(3, split="validation"), row(4, split="test"), row(5, split="unseen", group="h")]


def test_splits_that_are_right_pass() -> None:
    check_leaks(FULL)
    check_sizes(FULL, ["h"])
    check_sizes(FULL[:3], [])


def test_rows_without_a_group_are_no_leak() -> None:
    check_leaks([row(2, group=None), row(3, split="unseen", group=None)])


@pytest.mark.parametrize("gone", [0, 1, 2, 3])
def test_a_split_without_rows_is_named(gone: int) -> None:
    rows = [kept for i, kept in enumerate(FULL) if i != gone]
    name = ["train", "validation", "test", "unseen"][gone]
    with pytest.raises(UserError, match=f"^the {name} split is empty"):
        check_sizes(rows, ["h"])


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("first", [True, False])
def test_a_held_out_group_with_a_row_elsewhere_is_a_leak(split: str, first: bool) -> None:
    leak = row(9, split=split, group="h")
    with pytest.raises(UserError) as error:
        check_leaks([leak, *FULL] if first else [*FULL, leak])
    message = str(error.value)
    assert message.startswith("data.csv, row 5, column 'its_group': leak: ")
    assert "data.csv, row 9" in message
    assert message.endswith("'h'")


def by_brute_force(rows: Sequence[Row]) -> list[tuple[str, str, float]]:
    """Compares every text with every other one."""
    grams = []
    for found in rows:
        letters = re.sub(r"[\W_]", "", found.example.text.casefold())
        grams.append({letters[i : i + 5] for i in range(len(letters) - 4)} or {letters})
    return [
        (rows[i].example.id, rows[j].example.id, round(len(grams[i] & grams[j]) / len(grams[i] | grams[j]), 4))
        for i in range(len(rows))
        for j in range(i + 1, len(rows))
        if 5 * len(grams[i] & grams[j]) >= 4 * len(grams[i] | grams[j])
    ]


def as_set(pairs: list[tuple[str, str, float]]) -> set[tuple[frozenset[str], float]]:
    """Pairs without an order within them."""
    assert all(first != second for first, second, _ in pairs)
    found = [(frozenset(pair[:2]), pair[2]) for pair in pairs]
    assert len(found) == len(set(found)), "a pair is reported twice"
    return set(found)


def test_near_duplicates_are_those_that_comparing_all_with_all_finds_in_made_up_texts() -> None:
    draw = random.Random(1)
    values = []
    for _ in range(120):
        base = draw.choices("אבגד", k=draw.randrange(1, 60))
        for _ in range(4):  # copies of one text with ever more changes, around the threshold on both sides
            values.append("".join(base))
            place = draw.randrange(len(base) + 1)
            base[place : place + draw.randrange(2)] = draw.choices("אבגדה", k=draw.randrange(2)) or "ו"
    rows = texts(*values)
    expected = by_brute_force(rows)
    assert len(expected) > 50
    assert any(similarity < 0.9 for *_, similarity in expected)
    assert as_set(near_duplicates(rows)) == as_set(expected)


def test_near_duplicates_are_those_that_comparing_all_with_all_finds_in_the_sample_with_copies_planted() -> None:
    folder = ROOT / "data" / "raw" / "sample"
    rows = random.Random(2).sample(list(corpora.read(folder, corpus_file.load(folder))), 150)
    planted = []
    for number, found in enumerate(rows[:20], start=1000):
        copy = found.example.text.replace(" ", " מאוד ", 1) if number % 2 else found.example.text[:-6]
        planted.append(row(number, id=f"copy of {found.example.id}", text=copy))
    expected = by_brute_force([*rows, *planted])
    assert len(expected) >= 10
    assert as_set(near_duplicates([*rows, *planted])) == as_set(expected)
    assert near_duplicates(rows) == by_brute_force(rows) == []


@pytest.mark.parametrize(
    ("first", "second", "similarity"),
    [
        ("abcdefghij", "abcdefghij!", 1.0),  # 6 of 6
        ("abcdefgh", "abcdefghi", 0.8),  # 4 of 5: at the threshold
        ("abcdefg", "abcdefgh", None),  # 3 of 4
        ("abcdefghijklmnopqrstuvwxyz", "zabcdefghijklmnopqrstuvwxy", 0.913),  # 21 of 23
        ("אבג", "א, ב, ג", 1.0),  # shorter than an n-gram
        ("אבג", "אבד", None),
    ],
)
def test_two_texts_are_this_similar(first: str, second: str, similarity: float | None) -> None:
    expected = [] if similarity is None else [("r2", "r4", similarity)]
    assert near_duplicates(texts(first, "משהו אחר לגמרי", second)) == expected


def test_the_most_similar_pairs_come_first() -> None:
    found = near_duplicates(texts("abcdefghi", "abcdefgh", "qwertyuiop", "qwertyuiop"))
    assert found == [("r4", "r5", 1.0), ("r2", "r3", 0.8)]


def test_a_kind_of_span_that_train_does_not_have_is_refused() -> None:
    rows = [
        row(2, tokens=["a"], tags=["B-IDIOM"]),
        row(3, split="validation", tokens=["a"], tags=["B-METAPHOR"]),
    ]
    check_kinds(rows[:1])
    with pytest.raises(UserError, match=r"row 3.*it has IDIOM"):
        check_kinds(rows)
