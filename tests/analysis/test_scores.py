"""Scores over splits: intervals against a bootstrap done by hand, gap, groups, confusion.

pytest tests/analysis/test_scores.py
"""

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from src.analysis.scores import by_group, confusion, evaluate, gap, interval
from src.core.records import Prediction
from src.tasks import TASKS
from tests.conftest import ROOT

CLS, SPAN = TASKS["cls"], TASKS["span"]


def sentence(gold: str, predicted: str, group: str | None = "g", p: float | None = 0.8) -> Prediction:
    """A row of labels `a` and `b`."""
    other = "b" if predicted == "a" else "a"
    probabilities = None if p is None else dict(sorted({predicted: p, other: 1 - p}.items()))
    return Prediction(
        id="1", split="test", group=group, task="cls", gold=gold, predicted=predicted, correct=gold == predicted,
        probabilities=probabilities,
    )  # fmt: skip


def words(gold: str, predicted: str, group: str | None = "g") -> Prediction:
    """A row of tags in short: `OBI` is O, B-X, I-X."""
    tags = [["O" if tag == "O" else f"{tag}-X" for tag in side] for side in (gold, predicted)]
    return Prediction(
        id="1", split="test", group=group, task="span", gold=tags[0], predicted=tags[1], correct=gold == predicted
    )


def answer(gold: str, predicted: str, group: str | None = "g") -> Prediction:
    """A row of two answers; "" is none."""
    return Prediction(
        id="1", split="test", group=group, task="evidence", gold=[[0, len(gold)]] if gold else [],
        predicted=[0, len(predicted)] if predicted else None, correct=gold == predicted, text=predicted,
        gold_texts=[gold] if gold else [],
    )  # fmt: skip


def random_rows(task: str, count: int, seed: int) -> list[Prediction]:
    draw = np.random.default_rng(seed)
    make, sides = {
        "cls": (sentence, ["a", "b"]),
        "span": (words, ["OBI", "BIO", "OOO", "BOB"]),
        "evidence": (answer, ["red", "red car", "old red car", ""]),
    }[task]
    rows = []
    for _ in range(count):
        gold = str(draw.choice(sides))
        rows.append(make(gold, gold if draw.random() < 0.7 else str(draw.choice(sides))))
    return rows


def naive(task: str, rows: Sequence[Prediction], samples: int, seed: int) -> tuple[float, float]:
    """The percentile bootstrap as textbooks have it: draw rows with replacement, score them anew, sort."""
    draw = np.random.default_rng(seed)
    chosen = TASKS[task]
    values = [
        chosen.score([rows[i] for i in draw.integers(len(rows), size=len(rows))])[chosen.primary_metric]
        for _ in range(samples)
    ]
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


@pytest.mark.parametrize("task", TASKS)
def test_the_interval_is_that_of_a_bootstrap_done_row_by_row(task: str) -> None:
    rows = random_rows(task, 60, seed=1)
    found = interval(TASKS[task], rows, 4000)
    expected = naive(task, rows, 600, seed=2)
    assert found == pytest.approx(expected, abs=0.03)
    assert found[1] - found[0] > 0.1


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seed", range(5))
def test_the_interval_holds_the_score(task: str, seed: int) -> None:
    rows = random_rows(task, 80, seed)
    low, high = interval(TASKS[task], rows, 1000)
    assert low < TASKS[task].score(rows)[TASKS[task].primary_metric] < high


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        pytest.param([words("OBI", "OBI")] * 7, 1.0, id="all right"),
        pytest.param([words("OBI", "OOO")] * 7, 0.0, id="all wrong"),
        pytest.param([words("OBI", "OOO")], 0.0, id="one row"),
        pytest.param([words("BOB", "BOO")] * 9, 2 / 3, id="all alike"),
        pytest.param([words("OOO", "OOO")] * 3, 0.0, id="nothing to find"),
    ],
)
def test_rows_that_are_all_alike_leave_no_doubt(rows: list[Prediction], value: float) -> None:
    assert interval(SPAN, rows, 100) == (pytest.approx(value), pytest.approx(value))


def test_the_interval_of_two_rows_can_be_told_by_hand() -> None:
    """One row right, one wrong: a resample is all right or all wrong in a quarter of the draws each."""
    rows = [words("OBI", "OBI"), words("OBI", "OOO")]
    assert interval(SPAN, rows, 2000) == (0.0, 1.0)


def test_the_ends_of_the_interval_are_those_of_95_percent() -> None:
    """Of three rows the one that is unlike the others is drawn three times in 1 of 27 resamples, which is 3.7 %."""
    right, wrong = words("OBI", "OBI"), words("OBI", "OOO")
    assert interval(SPAN, [right, right, wrong], 5000) == (0.0, 1.0)
    assert interval(SPAN, [right, wrong, wrong], 5000) == (0.0, 1.0)
    assert interval(SPAN, [right, right, right, wrong], 5000) == (pytest.approx(2 / 5), 1.0)  # 1 of 256; 5.1 %


def test_the_interval_shrinks_with_the_root_of_the_number_of_rows() -> None:
    rows = random_rows("cls", 50, seed=3)
    widths = [high - low for low, high in (interval(CLS, rows * times, 2000) for times in (1, 16))]
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.15)


def test_the_interval_is_seeded() -> None:
    rows = random_rows("cls", 50, seed=3)
    assert interval(CLS, rows, 200) == interval(CLS, rows, 200)
    assert interval(CLS, rows, 200, seed=1) == interval(CLS, rows, 200, seed=1)
    assert interval(CLS, rows, 200, seed=1) != interval(CLS, rows, 200, seed=2)


@pytest.mark.parametrize(
    ("seen", "unseen", "expected"),
    [
        (0.8, 0.6, {"gap_absolute": 0.2, "gap_percent": 25.0}),
        (0.5, 0.6, {"gap_absolute": -0.1, "gap_percent": -20.0}),
        (0.7, 0.7, {"gap_absolute": 0.0, "gap_percent": 0.0}),
        (0.0, 0.4, {"gap_absolute": -0.4}),  # a percentage of nothing is not defined
    ],
)
def test_the_gap_is_seen_less_unseen(seen: float, unseen: float, expected: dict[str, float]) -> None:
    assert gap("m", {"test": {"m": seen}, "unseen": {"m": unseen}}) == pytest.approx(expected)


@pytest.mark.parametrize("splits", [["test"], ["unseen"], []])
def test_there_is_no_gap_without_both_splits(splits: list[str]) -> None:
    assert gap("m", {split: {"m": 0.5} for split in splits}) == {}


def test_each_group_has_the_score_of_its_rows_and_the_worst_comes_first() -> None:
    """By hand: of `easy` both found; of `mixed` one of two, nothing wrong: 2/3; of `hard` none."""
    rows = [
        words("OBI", "OBI", "easy"), words("BOO", "BOO", "easy"), words("OBI", "OBI", "mixed"),
        words("OBI", "OOO", "mixed"), words("OBI", "BIO", "hard"), words("OBI", "OBI", None),
    ]  # fmt: skip
    found = by_group(SPAN, rows)
    assert found == pytest.approx({"hard": 0.0, "mixed": 2 / 3, "easy": 1.0})
    assert list(found) == ["hard", "mixed", "easy"]


def test_groups_of_sentences_are_scored_over_all_labels() -> None:
    """By hand: of `x`, `a` has f1 2/3 and `b` 2/3; of `y`, `a` has 1 and `b`, which does not occur, 0."""
    rows = [
        sentence("a", "a", "x"), sentence("b", "b", "x"), sentence("b", "a", "x"), sentence("b", "b", "x"),
        sentence("a", "a", "y"),
    ]  # fmt: skip
    assert by_group(CLS, rows) == pytest.approx({"y": 0.5, "x": (2 / 3 + 4 / 5) / 2})


def test_without_groups_there_are_no_scores_by_group() -> None:
    assert by_group(CLS, [sentence("a", "a", None)]) == {}


def test_groups_of_equal_score_come_in_the_order_of_their_names() -> None:
    assert list(by_group(SPAN, [words("B", "B", group) for group in "bca"])) == ["a", "b", "c"]


def test_gold_is_in_the_rows_of_the_confusion_and_predicted_in_its_columns() -> None:
    rows = [sentence("a", "a"), sentence("a", "b"), sentence("a", "b"), sentence("b", "b")]
    assert confusion(CLS, rows) == {"confusion_labels": ["a", "b"], "confusion": [[1, 2], [0, 1]]}


def test_a_label_that_does_not_occur_has_its_row_and_column() -> None:
    assert confusion(CLS, [sentence("a", "a")]) == {"confusion_labels": ["a", "b"], "confusion": [[1, 0], [0, 0]]}


def test_labels_that_the_first_row_does_not_know_are_counted_as_well() -> None:
    rows = [
        sentence("a", "a"), replace(sentence("c", "c"), probabilities={"c": 0.9, "b": 0.1}), sentence("a", "d", p=None),
    ]  # fmt: skip
    expected = [[1, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert confusion(CLS, rows) == {"confusion_labels": ["a", "b", "c", "d"], "confusion": expected}


def test_the_confusion_of_words_counts_tags() -> None:
    found = confusion(SPAN, [words("OBI", "OBO"), words("OO", "OO")])
    assert found == {"confusion_labels": ["B-X", "I-X", "O"], "confusion": [[1, 0, 0], [0, 0, 1], [0, 0, 3]]}


@pytest.mark.parametrize("task", TASKS)
def test_evaluation_has_all_scores_of_each_split_an_interval_a_confusion_and_the_gap(task: str) -> None:
    splits = {"test": random_rows(task, 40, 0), "unseen": random_rows(task, 30, 1)}
    chosen = TASKS[task]
    found = evaluate(chosen, splits, 100)
    assert found.keys() == {"test", "unseen", "gap_absolute", "gap_percent"}
    for split, rows in splits.items():
        extra = {f"{chosen.primary_metric}_interval", "confusion", "confusion_labels"}
        assert found[split].keys() == chosen.score(rows).keys() | extra
        assert chosen.score(rows).items() <= found[split].items()
        assert found[split][f"{chosen.primary_metric}_interval"] == interval(chosen, rows, 100)


@pytest.mark.parametrize("rows", [[sentence("a", "b")], [sentence("a", "a")], [sentence("a", "a", p=None)]])
def test_evaluation_of_a_single_row_is_json_without_nan(rows: list[Prediction]) -> None:
    found = evaluate(CLS, {"test": rows, "unseen": rows}, 10)
    assert json.loads(json.dumps(found, allow_nan=False))["test"]["accuracy"] in (0.0, 1.0)
    for value in found["test"].values():
        assert not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize("rows", [[words("O", "O")], [words("OBI", "OOO")], [words("OOO", "BII")]])
def test_evaluation_of_words_without_spans_is_json_without_nan(rows: list[Prediction]) -> None:
    found = evaluate(SPAN, {"test": rows, "unseen": rows}, 10)
    assert json.loads(json.dumps(found, allow_nan=False))["test"]["span_f1"] == 0.0
    assert "gap_percent" not in found


def test_scoring_imports_neither_torch_nor_transformers() -> None:
    code = (
        "import sys; from src.analysis import scores; from src.tasks import TASKS;"
        "from src.core.records import Prediction as P;"
        "row = dict(id='1', split='test', group=None, correct=True);"
        "scores.evaluate(TASKS['cls'], {'test': [P(**row, task='cls', gold='a', predicted='a')]}, 2);"
        "scores.evaluate(TASKS['span'], {'test': [P(**row, task='span', gold=['B-X'], predicted=['B-X'])]}, 2);"
        "print({'torch', 'transformers', 'tokenizers', 'datasets'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
