"""Near-duplicates do not depend on how n-grams are hashed, counted and joined. What they are: test_checks, test_copies.

pytest tests/corpora/test_near_duplicates.py
"""

import random
from pathlib import Path

import pytest

from src.core.records import Example
from src.corpora import near_duplicates
from src.corpora.rows import Row


def similar_texts() -> list[Row]:
    """Texts of few words, of which some are changed in a letter."""
    draw = random.Random(4)
    words = ["".join(draw.choices("אבגדהוזח", k=6)) for _ in range(40)]
    texts = [" ".join(draw.choices(words, k=12)) for _ in range(100)]
    texts += [text.replace(text[30], "ט", draw.randrange(3)) for text in texts]
    return [
        Row(Example(id=str(number), text=text, split=""), Path("a.csv"), number, {})
        for number, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("name", "value"), [("BUCKETS", 1), ("BUCKETS", 9), ("SKETCH", 64), ("BLOCK", 1), ("BLOCK", 7)]
)
def test_collisions_and_blocks_lose_no_pair_and_make_none(
    monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    rows = similar_texts()
    expected = near_duplicates.near_duplicates(rows)
    assert 50 < len(expected) < 1000
    assert any(similarity < 0.9 for *_, similarity in expected)
    monkeypatch.setattr(near_duplicates, name, value)
    assert near_duplicates.near_duplicates(rows) == expected


def test_an_ngram_of_one_side_is_none_of_the_other() -> None:
    """Whatever the characters: b and c differ in the one bit in which 0 and 1, the numbers of the sides, do."""
    pair = Example(id="1", text="cdefg", text_pair="bdefg", split="")
    assert len(near_duplicates._hashes(pair)) == 2


def test_no_rows_have_no_near_duplicates() -> None:
    assert near_duplicates.near_duplicates([]) == []
