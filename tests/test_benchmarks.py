"""The benchmarks measure what they say; how fast anything is, is no test.

pytest tests/test_benchmarks.py
"""

import csv
from pathlib import Path

import pytest

from benchmarks import common, growth, stock
from src.modeling import tiny
from src.records import Example


def test_the_stock_way_pads_to_128(splits: dict[str, list[Example]]) -> None:
    train = splits["train"][:20]
    rows = stock.table([row.text for row in train], [0] * 20, tiny.tokenizer(train))
    assert {len(row["input_ids"]) for row in rows} == {128}


def test_without_the_idiom_corpus_the_sample_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(common, "IDIOMS", tmp_path / "nowhere.csv")
    found = common.sentences()
    assert len(found) == 640
    assert {row.label for row in found} == set(common.LABELS["cls"])


def test_a_repeated_corpus_has_rows_of_equal_lengths_and_no_text_twice(tmp_path: Path) -> None:
    assert growth._corpus(tmp_path, 2) == 1280
    with (tmp_path / "corpus" / "sentences.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["sentence"] for row in csv.DictReader(file)]
    assert len(set(texts)) == 2 * len(set(texts[:640]))
    assert [len(text) for text in texts[:640]] == [len(text) for text in texts[640:]]
