"""The corpora that are shipped without their data, on the real files, where these are at hand: each of their traps.

pytest tests/corpora/test_real.py
"""

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from src.core.records import SPLITS, Example, read_examples
from src.corpora import corpus_file
from tests.conftest import ROOT, SHARED, Ended
from tests.corpora.conftest import REAL, rows_of

Real = Callable[..., Path]


class Prepared:
    """What the stage made of a folder: examples by split, and metrics/data.json."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.splits = {name: read_examples(folder / f"{name}.jsonl") for name in SPLITS}
        self.data: dict[str, Any] = json.loads(data.read_text(encoding="utf-8"))

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(len(self.splits[name]) for name in SPLITS[:3])

    def labels(self, split: str) -> Counter[str | None]:
        return Counter(example.label for example in self.splits[split])

    def parted(self, key: Callable[[Example], Any]) -> int:
        """How many values of a key are in several splits."""
        found = [{key(example) for example in examples} - {None} for examples in self.splits.values()]
        return sum(map(len, found)) - len(set().union(*found))


@pytest.fixture
def prepared(stage: Callable[..., Ended], params_file: Callable[..., Path], tmp_path: Path) -> Callable[..., Prepared]:
    """Runs prepare on a folder, with the shipped parameters and changes."""

    def call(folder: Path, **changes: Any) -> Prepared:
        params = params_file({f"prepare.{key}": value for key, value in changes.items()})
        ended = stage("prepare", "--params", params, "--corpus", folder, "--out", tmp_path / "out",
                      "--statistics", tmp_path / "data.json")  # fmt: skip
        assert ended.status == 0, ended.err
        return Prepared(tmp_path / "out", tmp_path / "data.json")

    return call


def text_of(example: Example) -> str:
    """What copies of a text have in common, by this test's own reckoning."""
    return "".join(filter(str.isalnum, f"{example.text}{example.text_pair}".casefold()))


def raw(file: str) -> list[list[str]]:
    """The cells of a file with tabs, without any reading of quotes."""
    return [line.split("\t") for line in (SHARED / file).read_text(encoding="utf-8-sig").splitlines()][1:]


def test_babe_has_semicolons_quoted_cells_a_mark_and_rows_without_agreement(real: Real) -> None:
    rows = rows_of(real("babe"))
    with (SHARED / "babe/final_labels_SG2.csv").open(encoding="utf-8-sig", newline="") as file:
        expected = [(row["text"], row["label_bias"]) for row in csv.DictReader(file, delimiter=";")]
    assert [(row.example.text, row.example.label) for row in rows] == expected
    assert Counter(row.example.label for row in rows) == {"Non-biased": 1863, "Biased": 1810, "No agreement": 1}
    assert rows[0].example.text.startswith('"Orange Is the New Black" star')


def test_babe_is_split_afresh_by_label_without_the_row_that_has_none(
    real: Real, prepared: Callable[..., Prepared]
) -> None:
    found = prepared(real("babe"))
    assert sum(found.sizes) == 3673
    assert found.data["dropped_labels"] == {"No agreement": 1}
    assert found.data["dropped_leaks"]["count"] == 0
    for split, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        for label, rows in (("Non-biased", 1863), ("Biased", 1810)):
            assert abs(found.labels(split)[label] - share * rows) < 23  # 23 topics, each rounded
    assert (found.data["duplicates"]["texts"], found.data["duplicates"]["conflicting_labels"]) == (5, 1)
    assert found.parted(text_of) == 0


@pytest.mark.parametrize("changes", [{}, {"split": "fresh", "folds": 5, "fold": 2}], ids=["once", "fold"])
def test_texts_of_the_two_parts_of_babe_are_never_in_two_splits(
    real: Real, prepared: Callable[..., Prepared], changes: dict[str, Any]
) -> None:
    found = prepared(real("babe", files=list(REAL["babe"])), **changes)
    assert sum(found.sizes) == 3673 + 1546
    assert found.data["dropped_labels"] == {"No agreement": 155}
    assert found.data["duplicates"]["texts"] > 1500
    assert found.data["duplicates"]["conflicting_labels"] > 100
    assert len(found.data["duplicates"]["listed"]) == 50
    assert found.parted(text_of) == 0


@pytest.mark.parametrize(("column", "groups"), [(None, 23), ("outlet", 11)])
def test_babe_can_be_grouped_by_topic_or_outlet(
    real: Real, prepared: Callable[..., Prepared], column: str | None, groups: int
) -> None:
    found = prepared(real("babe"), group_by="group", group_column=column)
    assert sum(row["groups"] for row in found.data["splits"].values()) == groups
    assert found.parted(lambda example: example.group) == 0
    assert 2500 < found.sizes[0] < 3300
    assert min(found.sizes) > 200


def test_leave_topics_out_drops_the_texts_that_stand_under_two_topics(
    real: Real, prepared: Callable[..., Prepared]
) -> None:
    found = prepared(real("babe"), split="fresh", folds=5, fold=1, group_by="group")
    assert found.parted(text_of) == 0
    assert not {e.group for e in found.splits["unseen"]} & {e.group for e in found.splits["train"]}
    assert found.data["dropped_leaks"]["count"] == 2
    assert sum(map(len, found.splits.values())) == 3673 - 2


def test_the_opinion_labels_of_babe_are_a_corpus_of_their_own(real: Real, prepared: Callable[..., Prepared]) -> None:
    found = prepared(real("babe_opinion"))
    assert found.data["dropped_labels"] == {"No agreement": 216}
    assert sum(found.sizes) == 3674 - 216
    assert set(found.labels("test")) == {
        "Entirely factual", "Somewhat factual but also opinionated", "Expresses writer’s opinion",
    }  # fmt: skip


def test_mrpc_is_read_with_its_quotes_and_its_validation_is_made_of_train(
    real: Real, prepared: Callable[..., Prepared]
) -> None:
    folder = real("mrpc")
    rows = rows_of(folder)
    cells = [row for name in ("train", "test") for row in raw(f"mrpc/msr_paraphrase_{name}.tsv")]
    assert [(row.example.text, row.example.text_pair) for row in rows] == [(row[3], row[4]) for row in cells]
    found = prepared(folder)
    assert found.sizes[2] == 1725
    assert found.labels("test") == {"paraphrase": 1147, "not_paraphrase": 578}
    assert found.data["dropped_leaks"]["count"] == 7
    assert sum(found.sizes[:2]) == 4076 - 7
    for label, n in (("paraphrase", 2753), ("not_paraphrase", 1323)):
        assert abs(found.labels("validation")[label] - n / 10) < 5
    assert found.parted(text_of) == 0


def test_without_leave_to_drop_them_the_pairs_of_mrpc_that_leak_are_an_error(
    real: Real, stage: Callable[..., Ended], params_file: Callable[..., Path], tmp_path: Path
) -> None:
    ended = stage("prepare", "--params", params_file(), "--corpus", real("mrpc", leaks="error"), "--out",
                  tmp_path / "out", "--statistics", tmp_path / "data.json")  # fmt: skip
    assert ended.status == 2
    assert "leak: " in ended.err
    assert "leaks: drop" in ended.err
    assert not (tmp_path / "out").exists()


def test_rte_keeps_quotes_and_has_labels_in_words(real: Real, prepared: Callable[..., Prepared]) -> None:
    folder = real("rte")
    cells = [row for name in ("train", "dev") for row in raw(f"rte/{name}.tsv")]
    found = [(row.example.text, row.example.text_pair, row.example.label) for row in rows_of(folder)]
    assert found == [tuple(row[1:]) for row in cells]
    made = prepared(folder)
    assert made.sizes == (2242, 248, 277)
    assert made.labels("test") == {"entailment": 146, "not_entailment": 131}


def test_sst2_has_one_text_and_its_dev_set_is_the_test(real: Real, prepared: Callable[..., Prepared]) -> None:
    found = prepared(real("sst2"))
    assert found.sizes == (3600, 400, 872)
    assert found.labels("test") == {"positive": 444, "negative": 428}
    assert all(example.text_pair is None for example in found.splits["train"])
    assert found.data["duplicates"]["texts"] == 28
    assert found.parted(text_of) == 0


def test_squad_has_several_answers_none_and_never_plausible_ones(real: Real) -> None:
    rows = rows_of(real("squad_v2"))
    questions = {
        question["id"]: (question, paragraph["context"], article["title"])
        for file in REAL["squad_v2"].values()
        for article in json.loads((SHARED / file).read_text(encoding="utf-8"))["data"]
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    }
    assert len(rows) == len(questions) == 2496 + 1070
    assert Counter((row.example.split, bool(row.example.answers)) for row in rows) == {
        ("train", True): 2148, ("train", False): 348, ("test", True): 490, ("test", False): 580,
    }  # fmt: skip
    for row in rows:
        question, context, title = questions[row.example.id]
        assert (row.example.text, row.example.text_pair) == (question["question"], context)
        assert row.example.group == title
        assert row.example.answers is not None
        found = {context[start:end] for start, end in row.example.answers}
        assert found == {answer["text"] for answer in question["answers"]}
    assert max(len(row.example.answers or []) for row in rows) > 2


def test_squads_validation_is_made_of_whole_paragraphs_with_questions_of_both_kinds(
    real: Real, prepared: Callable[..., Prepared]
) -> None:
    found = prepared(real("squad_v2"))
    assert found.sizes[2] == 1070
    assert abs(found.sizes[1] - 250) < 25
    assert found.parted(lambda example: example.text_pair) == 0
    answers = {name: row["answers"] for name, row in found.data["splits"].items()}
    assert answers["test"] == {"none": 580, "some": 490}
    assert 20 < answers["validation"]["none"] < 50
    assert found.data["near_duplicates"]["count"] < 100, "questions on one paragraph are no near-duplicates"
    assert len(found.data["near_duplicates"]["listed"]) <= 50


def test_squads_articles_stay_whole_when_that_is_asked_for(real: Real, prepared: Callable[..., Prepared]) -> None:
    found = prepared(real("squad_v2"), split="fresh", group_by="group")
    assert found.parted(lambda example: example.group) == 0
    assert min(found.sizes) > 150


@pytest.mark.parametrize("name", REAL)
def test_the_fetch_command_names_every_file_of_its_corpus(name: str) -> None:
    shipped = corpus_file.load(ROOT / "data" / "raw" / name)
    for file in shipped.files:
        assert f"-o data/raw/{name}/{file} --rev " in shipped.fetch


def test_copies_are_told_by_letters_and_digits(real: Real) -> None:
    rows = rows_of(real("sst2"))
    assert len({row.text_digest for row in rows}) == len({text_of(row.example) for row in rows})
