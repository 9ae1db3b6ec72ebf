"""Counts and lengths of metrics/data.json, by hand.

pytest tests/corpora/test_statistics.py
"""

import json

from src.core.records import Example
from src.corpora.statistics import describe


def example(number: int, words: int, split: str = "train", span: int = 1, **more: str) -> Example:
    """A row of `words` one-letter words, the first `span` of which are the idiom."""
    tags = ["B-IDIOM"] + ["I-IDIOM"] * (span - 1) + ["O"] * (words - span)
    return Example(id=str(number), text=" ".join("א" * words), tokens=["א"] * words, tags=tags, split=split, **more)


def test_splits_without_rows_are_left_out_and_the_others_are_in_their_order() -> None:
    found = describe([example(1, 2, "unseen"), example(2, 2, "test"), example(3, 2), example(4, 2)])
    assert list(found) == ["train", "test", "unseen"]
    assert [found[split]["rows"] for split in found] == [2, 1, 1]
    assert describe([]) == {}


def test_lengths_are_counted_in_characters_words_and_words_of_the_span() -> None:
    (found,) = describe([example(1, 2), example(2, 3, span=2), example(3, 10, span=3)]).values()
    assert found["words"] == {"min": 2, "mean": 5.0, "median": 3, "p95": 3, "max": 10}
    assert found["characters"] == {"min": 3, "mean": 9.0, "median": 5, "p95": 5, "max": 19}
    assert found["span_words"] == {"min": 1, "mean": 2.0, "median": 2, "p95": 2, "max": 3}


def test_percentiles_do_not_depend_on_the_order_of_rows() -> None:
    (found,) = describe([example(i, (i * 7) % 100 + 1) for i in range(100)]).values()
    assert found["words"] == {"min": 1, "mean": 50.5, "median": 51, "p95": 95, "max": 100}


def test_labels_and_groups_are_counted_and_those_that_are_missing_are_not() -> None:
    rows = [
        example(1, 2, label="Literal", group="a"),
        example(2, 2, label="Figurative", group="a"),
        example(3, 2, label="Literal", group="b"),
        example(4, 2),
    ]
    (found,) = describe(rows).values()
    assert found["labels"] == {"Figurative": 1, "Literal": 2}
    assert found["groups"] == 2


def test_rows_without_words_have_no_statistics_of_words() -> None:
    (found,) = describe([Example(id="1", text="שלום", split="train")]).values()
    assert set(found) == {"rows", "labels", "groups", "characters"}
    assert found["characters"] == {"min": 4, "mean": 4, "median": 4, "p95": 4, "max": 4}
    json.dumps(found, allow_nan=False)


def test_answers_and_second_texts_are_counted_where_there_are_any() -> None:
    rows = [
        Example(id=str(number), text="ab", text_pair="abcd" * number, answers=answers, split="train")
        for number, answers in enumerate([[[0, 1]], [], [], None], start=1)
    ]
    (found,) = describe(rows).values()
    assert found["answers"] == {"none": 2, "some": 1}
    assert (found["characters_of_pair"]["min"], found["characters_of_pair"]["max"]) == (4, 16)
    assert "answers" not in describe([example(1, 2)])["train"]
