"""The real Hebrew idiom corpus, where it is at hand: words, splits and statistics of its 4,800 sentences.

pytest tests/corpora/test_hebrew_idioms.py
"""

import ast
import csv
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from src import corpora
from src.core.records import Example, read_examples
from src.corpora import corpus_file
from src.corpora.near_duplicates import near_duplicates
from src.corpora.rows import Row
from src.text.words import invalid_tag, locate, spans_of, split_words, tags_of

SIZES = {"train": 3456, "validation": 432, "test": 432, "unseen": 480}
HELD_OUT = {"חתך פינה", "חצה קו אדום", "נשאר מאחור", "שבר שתיקה", "איבד את הראש", "רץ אחרי הזנב של עצמו"}


@pytest.fixture(scope="module")
def rows(hebrew_idioms: Path) -> list[Row]:
    """All 4,800 rows."""
    return list(corpora.read(hebrew_idioms, corpus_file.load(hebrew_idioms)))


@pytest.fixture(scope="module")
def cells(idiom_data: Path) -> list[dict[str, str]]:
    """The rows of the one file that holds them all, read without the code under test."""
    with (idiom_data / "expressions_data_tagged_v2.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_all_words_are_reproduced_exactly(cells: list[dict[str, str]]) -> None:
    assert len(cells) == 4800
    for row in cells:
        text = row["sentence"]
        words = [text[start:end] for start, end in split_words(text)]
        assert words == ast.literal_eval(row["tokens"]), row["id"]


def test_the_offsets_of_words_and_spans_are_those_of_the_file(cells: list[dict[str, str]]) -> None:
    for row in cells:
        offsets = split_words(row["sentence"])
        tags = ast.literal_eval(row["iob_tags"])
        assert locate(ast.literal_eval(row["tokens"]), row["sentence"]) == offsets, row["id"]
        assert spans_of(tags) == [(int(row["start_token"]), int(row["end_token"]), "IDIOM")], row["id"]
        start, end = offsets[int(row["start_token"])][0], offsets[int(row["end_token"]) - 1][1]
        assert (start, end) == (int(row["start_char"]), int(row["end_char"])), row["id"]
        assert invalid_tag(tags) is None
        assert tags_of(spans_of(tags), len(tags)) == tags


def test_the_rows_that_are_read_are_those_of_the_file(rows: list[Row], cells: list[dict[str, str]]) -> None:
    found = {row.example.id: row.example for row in rows}
    assert len(found) == len(rows) == 4800
    for row in cells:
        example = found[row["id"]]
        assert example == Example(
            id=row["id"], text=row["sentence"], group=row["base_pie"], label=row["label_str"],
            tokens=ast.literal_eval(row["tokens"]), tags=ast.literal_eval(row["iob_tags"]),
            split=row["split"].replace("unseen_idiom_test", "unseen"),
        )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [{"prepare.split": "own"}, {"prepare.split": "fresh", "prepare.split_seed": 7}],
    ids=["own split", "fresh split"],
)
def test_every_seen_idiom_and_label_has_32_4_4_rows_and_six_idioms_are_held_out(
    changes: dict[str, Any],
    hebrew_idioms: Path,
    params_file: Callable[..., Path],
    stage: Callable[..., Any],
    tmp_path: Path,
) -> None:
    usual = {"prepare.unseen_groups": None, "prepare.max_samples": None, "prepare.validation_fraction": 0.1,
             "prepare.test_fraction": 0.1}  # fmt: skip
    params = params_file(usual | changes)
    ended = stage("prepare", "--params", params, "--corpus", hebrew_idioms, "--out", tmp_path / "out", "--statistics",
                  tmp_path / "data.json")  # fmt: skip
    assert ended.status == 0, ended.err
    found = {split: read_examples(tmp_path / "out" / f"{split}.jsonl") for split in SIZES}
    assert {split: len(examples) for split, examples in found.items()} == SIZES

    sizes = Counter((row.group, row.label, row.split) for examples in found.values() for row in examples)
    groups = {group for group, *_ in sizes}
    assert len(groups) == 60
    for group in groups:
        for label in ("Literal", "Figurative"):
            parts = tuple(sizes[(group, label, split)] for split in SIZES)
            assert parts == ((0, 0, 0, 40) if group in HELD_OUT else (32, 4, 4, 0)), (group, label)

    statistics = json.loads((tmp_path / "data.json").read_text(encoding="utf-8"))
    assert {split: found["rows"] for split, found in statistics["splits"].items()} == SIZES
    assert set(statistics["unseen_groups"]) == HELD_OUT
    assert max(found["characters"]["max"] for found in statistics["splits"].values()) == 193
    assert max(found["words"]["max"] for found in statistics["splits"].values()) == 47


def changed(row: Row, number: int) -> Row:
    """A copy of a row, with another word in the place of its last ones."""
    text = f"{row.example.text.rsplit(' ', 1 + number % 3)[0]} אחר"
    return replace(row, example=replace(row.example, id=f"copy of {row.example.id}", text=text))


def test_near_duplicates_are_those_that_comparing_all_with_all_finds(rows: list[Row]) -> None:
    drawn = random.Random(0).sample(rows, 500)
    drawn += [changed(row, number) for number, row in enumerate(drawn[:100])]
    grams = []
    for row in drawn:
        letters = re.sub(r"[\W_]", "", row.example.text.casefold())
        grams.append({letters[i : i + 5] for i in range(max(1, len(letters) - 4))})
    expected = {
        frozenset((drawn[i].example.id, drawn[j].example.id))
        for i in range(len(drawn))
        for j in range(i + 1, len(drawn))
        if 5 * len(grams[i] & grams[j]) >= 4 * len(grams[i] | grams[j])
    }
    assert 20 < len(expected) < 100, "the copies are to lie on both sides of the threshold"
    assert {frozenset(pair[:2]) for pair in near_duplicates(drawn)} == expected


def test_the_corpus_has_one_near_duplicate_and_a_planted_one_is_found_beside_it(rows: list[Row]) -> None:
    longest = max(rows, key=lambda row: len(row.example.text))
    found = near_duplicates([*rows, changed(longest, 0)])
    assert {frozenset(pair[:2]) for pair in found} == {
        frozenset({"24_lit_17", "24_lit_18"}),
        frozenset({longest.example.id, f"copy of {longest.example.id}"}),
    }
