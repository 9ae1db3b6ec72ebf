"""Rows in the store are the rows that were put there, and take no memory for their texts.

pytest tests/corpora/test_row_store.py
"""

import csv
import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from src import corpora
from src.corpora import corpus_file
from src.corpora.corpus_file import Corpus
from src.corpora.row_store import RowStore
from src.corpora.rows import Row
from src.stages import prepare
from tests.conftest import ROOT

AT_HAND = ("id", "group", "label", "split", "kind", "text_digest", "pair_digest", "span_kinds", "remarks", "place")
LENGTH = 2000  # characters of a text: 4 KB in memory, two bytes each


def texts(count: int) -> list[str]:
    """Random texts of Hebrew letters, which have little in common."""
    draw = random.Random(5)
    return ["".join(draw.choices("אבגדהוזחטיכלמנסעפצקרשת ", k=LENGTH)) for _ in range(count)]


def peak(run: Callable[[], Any]) -> int:
    """The most bytes that are held at a time while something runs."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_row_comes_back_as_it_was_put_there(sample: list[Row], tmp_path: Path) -> None:
    stored = RowStore(tmp_path).keep(sample)
    order = random.Random(0).sample(range(len(sample)), 100)
    for number in order:
        assert stored[number].example == sample[number].example
        assert [getattr(stored[number], name) for name in AT_HAND] == [
            getattr(sample[number], name) for name in AT_HAND
        ]


def test_a_row_that_is_placed_says_so_in_its_example_and_when_it_is_refused(sample: list[Row], tmp_path: Path) -> None:
    (stored,) = RowStore(tmp_path).keep(sample[:1])
    placed = stored.placed("unseen")
    assert (placed.split, placed.example.split, stored.example.split) == ("unseen", "unseen", "train")
    assert str(placed.refuse("split", "wrong")) == str(sample[0].placed("unseen").refuse("split", "wrong"))


def test_the_file_has_no_name_and_lies_in_a_folder_that_is_there(sample: list[Row], tmp_path: Path) -> None:
    store = RowStore(tmp_path / "not" / "yet")
    (stored,) = store.keep(sample[:1])
    assert list(tmp_path.iterdir()) == []
    assert stored.example == sample[0].example


@pytest.mark.parametrize("reader", ["csv", "jsonl"])
def test_a_file_is_read_as_a_stream(reader: str, table: Callable[..., Path]) -> None:
    rows = [{"text": text, "label": "no"} for text in texts(500)]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    if reader == "csv":
        lines = ["text,label", *(f"{row['text']},no" for row in rows)]
    folder = table({"a.csv": "\n".join(lines)}, reader=reader)
    corpus: Corpus = corpus_file.load(folder)
    count = 0

    def read() -> None:
        nonlocal count
        count = sum(1 for _ in corpora.read(folder, corpus))

    assert peak(read) < 200_000 < (folder / "a.csv").stat().st_size / 4
    assert count == 500


def test_prepare_holds_a_fixed_share_of_each_row_and_no_texts(
    table: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepared(count: int) -> int:
        folder = table({})
        with (folder / "a.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([["text", "label"], *([text, "no"] for text in texts(count))])
        table({}, files=["a.csv"])
        options = {"params": ROOT / "params.yaml", "corpus": folder, "out": tmp_path / "out",
                   "statistics": tmp_path / "data.json"}  # fmt: skip
        monkeypatch.setattr("sys.argv", ["prepare", *(f"--{name}={value}" for name, value in options.items())])
        return peak(prepare.main)

    prepared(10)  # what is imported and kept once
    few, many = prepared(150), prepared(600)
    assert (many - few) / 450 < 2 * LENGTH / 2, "half of what the text alone would take"
