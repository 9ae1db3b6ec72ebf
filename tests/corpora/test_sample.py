"""The corpus that is shipped, data/raw/sample: what its users may rely on.

pytest tests/corpora/test_sample.py
"""

import csv
import unicodedata
from collections import Counter

from src.corpora.corpus_file import Corpus
from src.corpora.intake_checks import check_leaks, check_rows, check_sizes
from src.corpora.near_duplicates import near_duplicates
from src.corpora.rows import Row
from src.text.words import spans_of, split_words
from tests.corpora.conftest import SAMPLE


def test_it_says_that_it_is_synthetic_and_is_small_enough_for_git(meta: Corpus) -> None:
    assert "synthetic" in meta.description
    assert meta.language == "he"
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < 1_000_000


def test_it_passes_the_checks_and_has_no_near_duplicates(sample: list[Row], meta: Corpus) -> None:
    check_rows(sample, meta)
    check_leaks(sample)
    check_sizes(sample, meta.unseen_groups)
    assert near_duplicates(sample) == []


def test_at_least_thirty_idioms_have_ten_literal_and_ten_figurative_sentences_each(sample: list[Row]) -> None:
    sizes = Counter((row.example.group, row.example.label) for row in sample)
    groups = {group for group, _ in sizes}
    assert None not in groups
    assert len(groups) >= 30
    assert sizes == {(group, label): 10 for group in groups for label in ("Literal", "Figurative")}


def test_its_own_split_holds_four_idioms_out_and_parts_the_others_8_1_1(sample: list[Row], meta: Corpus) -> None:
    sizes = Counter((row.example.group, row.example.label, row.example.split) for row in sample)
    assert len(set(meta.unseen_groups)) == 4
    assert {group for group, _, split in sizes if split == "unseen"} == set(meta.unseen_groups)
    for group in {row.example.group for row in sample} - set(meta.unseen_groups):
        for label in ("Literal", "Figurative"):
            found = tuple(sizes[(group, label, split)] for split in ("train", "validation", "test", "unseen"))
            assert found == (8, 1, 1, 0), (group, label)
    totals = Counter(row.example.split for row in sample)
    assert totals == {"train": 448, "validation": 56, "test": 56, "unseen": 80}


def test_every_sentence_has_one_span_and_four_to_forty_words(sample: list[Row]) -> None:
    for row in sample:
        assert len(spans_of(row.example.tags or [])) == 1, row.place
        words = [word for word in row.example.tokens or [] if any(map(str.isalnum, word))]
        assert 4 <= len(words) <= 40, row.place


def test_its_words_are_those_of_the_tokeniser(sample: list[Row]) -> None:
    for row in sample:
        text = row.example.text
        assert [text[start:end] for start, end in split_words(text)] == row.example.tokens, row.place


def test_its_text_is_clean(sample: list[Row]) -> None:
    for row in sample:
        text = row.example.text
        assert unicodedata.is_normalized("NFC", text), row.place
        assert text == " ".join(text.split()), row.place
        assert any("א" <= character <= "ת" for character in text), row.place


def test_its_columns_are_those_of_the_hebrew_idioms() -> None:
    with (SAMPLE / "sentences.csv").open(encoding="utf-8") as file:
        header = next(csv.reader(file))
    assert header == [
        "id", "sentence", "base_pie", "pie_span", "label", "label_str", "tokens", "iob_tags", "start_token",
        "end_token", "num_tokens", "char_mask", "start_char", "end_char", "split", "language", "source",
    ]  # fmt: skip


def test_it_has_what_makes_hebrew_hard(sample: list[Row]) -> None:
    words = [word for row in sample for word in row.example.tokens or []]
    assert any('"' in word[1:-1] for word in words), "no acronym with a quote inside"
    assert any(mark in word for word in words for mark in "-\u05be" if len(word) > 1), "no hyphen or maqaf"
