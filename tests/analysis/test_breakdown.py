"""The breakdown of predictions against scikit-learn and seqeval; what holds whatever the rows are.

pytest tests/analysis/test_breakdown.py
"""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies
from seqeval import metrics as seqeval
from seqeval.scheme import IOB2
from sklearn import metrics as sklearn

from src.analysis import breakdown_table
from src.analysis.breakdown import breakdown, flat
from src.core.records import Prediction
from tests.rows import LABELS, label, of_labels, of_tags, sure, words

IDIOMS = ("שבר שתיקה", "g", "h")
SHORT = ("OBIO", "BIOB", "OOOO", "OOBI", "IOBI")


def random_labels(split: str, count: int, seed: int) -> list[Prediction]:
    draw = np.random.default_rng(seed)
    return [
        sure(f"{split}{i}", str(draw.choice(LABELS)), float(draw.random()), split, str(draw.choice(IDIOMS)))
        for i in range(count)
    ]


def random_words(split: str, count: int, seed: int) -> list[Prediction]:
    draw = np.random.default_rng(seed)
    rows = [(str(draw.choice(SHORT[:4])), str(draw.choice(SHORT)), str(draw.choice(IDIOMS))) for _ in range(count)]
    return [
        words(f"{split}{i}", gold, gold if i % 2 else predicted, split=split, group=group)
        for i, (gold, predicted, group) in enumerate(rows)
    ]


def of_sklearn(rows: list[Prediction]) -> dict[str, float]:
    gold, predicted = [row.gold for row in rows], [row.predicted for row in rows]
    given: dict[str, Any] = {"labels": list(LABELS), "zero_division": 0.0}
    found = {
        "accuracy": sklearn.accuracy_score(gold, predicted),
        "f1_macro": sklearn.f1_score(gold, predicted, average="macro", **given),
        "f1_weighted": sklearn.f1_score(gold, predicted, average="weighted", **given),
        "auroc": sklearn.roc_auc_score([g == LABELS[1] for g in gold], [r.probabilities[LABELS[1]] for r in rows]),
    }
    for name in LABELS:
        one = {"labels": [name], "average": "micro", "zero_division": 0.0}
        found[f"f1_{name}"] = sklearn.f1_score(gold, predicted, **one)
        found[f"precision_{name}"] = sklearn.precision_score(gold, predicted, **one)
        found[f"recall_{name}"] = sklearn.recall_score(gold, predicted, **one)
    return found


def of_seqeval(rows: list[Prediction]) -> dict[str, float]:
    sides = [row.gold for row in rows], [row.predicted for row in rows]
    return {
        "span_f1": seqeval.f1_score(*sides, mode="strict", scheme=IOB2),
        "span_precision": seqeval.precision_score(*sides, mode="strict", scheme=IOB2),
        "span_recall": seqeval.recall_score(*sides, mode="strict", scheme=IOB2),
        "span_f1_lenient": seqeval.f1_score(*sides),
        "token_accuracy": seqeval.accuracy_score(*sides),
    }


MAKERS = {"cls": (random_labels, of_sklearn), "span": (random_words, of_seqeval)}


@pytest.mark.parametrize("task", MAKERS)
def test_every_split_and_group_has_the_scores_of_other_libraries(task: str) -> None:
    make, expected = MAKERS[task]
    splits = {"test": make("test", 90, 1), "unseen": make("unseen", 60, 2)}
    found = breakdown([*splits["unseen"], *splits["test"]], 20)[task]["splits"]
    assert list(found) == ["test", "unseen"]
    for split, rows in splits.items():
        scores = {name: value for name, value in found[split]["scores"].items() if isinstance(value, float)}
        scores.pop("ece", None)
        assert scores == pytest.approx(expected(rows))
        assert (found[split]["rows"], found[split]["without_gold"]) == (len(rows), 0)
        assert list(found[split]["groups"]) == sorted(IDIOMS)
        for group, figures in found[split]["groups"].items():
            members = [row for row in rows if row.group == group]
            assert figures["rows"] == len(members)
            own = {name: figures[name] for name in expected(members)}
            assert own == pytest.approx(expected(members))


def test_the_confusion_is_that_of_scikit_learn() -> None:
    rows = random_labels("test", 90, 1)
    found = breakdown(rows, 5)["cls"]["splits"]["test"]
    assert found["confusion_labels"] == list(LABELS)
    expected = sklearn.confusion_matrix([r.gold for r in rows], [r.predicted for r in rows], labels=list(LABELS))
    assert found["confusion"] == expected.tolist()


def test_the_gap_is_that_of_the_primary_metric() -> None:
    splits = {"test": random_words("test", 90, 1), "unseen": random_words("unseen", 60, 2)}
    found = breakdown([*splits["test"], *splits["unseen"]], 5)["span"]
    seen, unseen = (of_seqeval(rows)["span_f1"] for rows in splits.values())
    assert seen != unseen
    assert found["gap_absolute"] == pytest.approx(seen - unseen)
    assert found["gap_percent"] == pytest.approx(100 * (seen - unseen) / seen)
    assert "gap_absolute" not in breakdown(splits["test"], 5)["span"]


def test_errors_and_calibration_of_a_split_by_hand() -> None:
    rows = [sure(1, "Literal", 0.9), sure(2, "Literal", 0.2), sure(3, "Figurative", 0.7), sure(4, "Figurative", 0.7)]
    found = breakdown(rows, 5)["cls"]["splits"]["test"]
    assert found["errors"]["counts"] == {"CORRECT": 3, "FALSE_POSITIVE": 1}
    assert found["errors"]["shares"] == {"CORRECT": 0.75, "FALSE_POSITIVE": 0.25}
    assert found["calibration"]["mce"] == pytest.approx(0.9)
    assert found["scores"]["ece"] == pytest.approx((0.9 + 0.2 + 2 * 0.3) / 4)
    assert found["calibration"]["ece"] == found["scores"]["ece"]
    assert [b["rows"] for b in found["calibration"]["bins"]] == [0, 0, 0, 0, 0, 0, 0, 2, 1, 1]


def test_errors_of_words_by_hand() -> None:
    rows = [words(1, "OBI", "OBI"), words(2, "OBI", "OBO"), words(3, "OBI", "OOO"), words(4, "OOO", "OBO")]
    found = breakdown(rows, 5)["span"]["splits"]["test"]
    assert found["errors"]["groups"] == {"PERFECT": 1, "BOUNDARY": 1, "DETECTION": 2, "POSITION": 0}
    assert found["errors"]["shares"]["PARTIAL_END"] == 0.25
    assert found["calibration"] is None


def test_tasks_and_splits_of_one_file_are_told_apart_and_splits_of_other_names_come_last() -> None:
    rows = [
        words("1", "BI", "BI", split="dev"), words("1", "BI", "BO", split="unseen"), sure("1", "Literal", 0.1),
        sure("1", "Literal", 0.9, "train"), words("1", "BI", "BI"),
    ]  # fmt: skip
    found = breakdown(rows, 5)
    assert [(task, list(values["splits"])) for task, values in found.items()] == [
        ("cls", ["train", "test"]), ("span", ["test", "unseen", "dev"]),
    ]  # fmt: skip
    assert found["span"]["gap_absolute"] == 1.0


def test_rows_without_gold_are_counted_and_not_scored() -> None:
    rows = [sure(1, "Literal", 0.1), sure(2, None, 0.9), sure(3, None, 0.9, "unseen")]
    found = breakdown(rows, 5)["cls"]["splits"]
    assert (found["test"]["rows"], found["test"]["without_gold"], found["test"]["scores"]["accuracy"]) == (1, 1, 1.0)
    assert found["unseen"] == {"rows": 0, "without_gold": 1}


def test_rows_of_no_group_are_in_no_group() -> None:
    assert breakdown([sure(1, "Literal", 0.1)], 5)["cls"]["splits"]["test"]["groups"] == {}


def test_no_rows_are_an_empty_breakdown() -> None:
    assert breakdown([], 5) == {}


def figures(value: Any) -> Iterator[float]:
    """All numbers in a JSON value."""
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from figures(item)
    elif isinstance(value, int | float):
        yield value


ROWS = strategies.one_of(
    of_labels(), of_tags(), strategies.tuples(of_labels(), of_tags()).map(lambda both: [*both[0], *both[1]])
)


@given(ROWS)
def test_json_holds_no_nan_and_shares_add_up_to_one(rows: list[Prediction]) -> None:
    found = json.loads(json.dumps(breakdown(rows, 3), allow_nan=False))
    for task in found.values():
        for split in task["splits"].values():
            assert sum(split["errors"]["shares"].values()) == pytest.approx(1)
            assert sum(split["errors"]["groups"].values()) == split["rows"] == sum(split["errors"]["counts"].values())
            for name, value in split["scores"].items():
                assert all(0 <= number <= 1 for number in figures(value)), name
    assert sum(split["rows"] for task in found.values() for split in task["splits"].values()) == len(rows)


@given(ROWS, strategies.randoms())
def test_the_order_of_rows_changes_nothing(rows: list[Prediction], random: Random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (list(flat(breakdown(given, 3))) for given in (rows, shuffled))
    assert [figure[:4] for figure in one] == [figure[:4] for figure in other]
    assert [figure[4] for figure in one] == pytest.approx([figure[4] for figure in other])


@given(ROWS)
def test_perfect_predictions_have_one_everywhere(rows: list[Prediction]) -> None:
    """Of words where there is a span to be found, and of labels over those that occur."""
    perfect = [replace(row, predicted=row.gold, correct=True, probabilities=None) for row in rows if row.task == "cls"]
    perfect += [
        replace(row, gold=["B-X", *row.predicted[1:]], predicted=["B-X", *row.predicted[1:]], correct=True)
        for row in rows
        if row.task == "span"
    ]
    for task, found in breakdown(perfect, 3).items():
        for split in found["splits"].values():
            interval = split["scores"].pop("f1_macro_interval", 1.0)  # a label that is not drawn scores zero
            assert max(figures(interval)) <= 1.0
            assert set(figures(split["scores"])) == {1.0}
            assert split["errors"]["shares"]["CORRECT" if task == "cls" else "PERFECT"] == 1.0
            confusion = np.array(split["confusion"])
            assert confusion.sum() == np.diag(confusion).sum() > 0
            for group in split["groups"].values():
                assert {value for name, value in group.items() if name != "rows"} == {1.0}


@given(of_tags())
def test_who_finds_nothing_scores_zero(rows: list[Prediction]) -> None:
    empty = [replace(row, predicted=["O"] * len(row.gold), correct=False) for row in rows]
    for split in breakdown(empty, 3)["span"]["splits"].values():
        for name in ("span_f1", "span_precision", "span_recall", "span_f1_lenient", "span_f1_interval"):
            assert set(figures([split["scores"][name]])) == {0.0}


def test_the_list_of_figures_has_every_figure_once() -> None:
    rows = [*random_labels("test", 30, 1), *random_labels("unseen", 20, 2), *random_words("test", 10, 3)]
    result = breakdown([*rows, sure("new", None, 0.5)], 20)
    found = list(flat(result))
    places = [figure[:4] for figure in found]
    assert len(set(places)) == len(places)
    by_place = dict(zip(places, (figure[4] for figure in found), strict=True))
    split = result["cls"]["splits"]["test"]
    for metric, value in (
        ("rows", 30), ("without_gold", 1), ("accuracy", split["scores"]["accuracy"]), ("ece", split["scores"]["ece"]),
        ("f1_macro_interval_low", split["scores"]["f1_macro_interval"][0]), ("brier", split["calibration"]["brier"]),
        ("f1_macro_interval_high", split["scores"]["f1_macro_interval"][1]), ("mce", split["calibration"]["mce"]),
        ("errors_counts_CORRECT", split["errors"]["counts"]["CORRECT"]),
        ("errors_shares_FALSE_NEGATIVE", split["errors"]["shares"]["FALSE_NEGATIVE"]),
    ):  # fmt: skip
        assert by_place["cls", "test", "", metric] == value, metric
    assert (
        by_place["span", "test", "", "errors_groups_PERFECT"]
        == result["span"]["splits"]["test"]["errors"]["groups"]["PERFECT"]
    )
    assert by_place["cls", "test", "g", "f1_macro"] == split["groups"]["g"]["f1_macro"]
    assert by_place["cls", "", "", "gap_absolute"] == result["cls"]["gap_absolute"]
    assert ("span", "", "", "gap_absolute") not in by_place
    assert all(math.isfinite(value) for value in by_place.values())


def lines(text: str) -> list[str]:
    """Lines with single blanks."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_as_text_splits_stand_side_by_side_and_groups_worst_first() -> None:
    rows = [
        words(1, "OBI", "OBI", group="easy"), words(2, "OBI", "OBO", group="hard"), words(3, "O", "O"),
        words(4, "OBI", "OBI", split="unseen", group="easy"),
    ]  # fmt: skip
    found = lines(breakdown_table.text("a.jsonl", breakdown(rows, 20)))
    assert found[0] == "a.jsonl: span, gap -0.500"
    for line in (
        "metric test unseen", "rows 3 1", "span_f1 0.5000 1.0000", "span_f1_lenient 0.5000 1.0000",
        "token_accuracy 0.8571 1.0000", "category test unseen", "PERFECT 2 (66.7%) 1 (100.0%)",
        "PARTIAL_END 1 (33.3%) 0 (0.0%)", "= BOUNDARY 1 (33.3%) 0 (0.0%)",
    ):  # fmt: skip
        assert line in found, line
    assert found[found.index("split group rows span_f1") + 2 :] == [
        "test hard 1 0.0000", "test easy 1 1.0000", "unseen easy 1 1.0000",
    ]  # fmt: skip


def test_as_text_a_figure_that_a_split_lacks_is_a_dash() -> None:
    rows = [sure(1, "Literal", 0.1), sure(2, "Figurative", 0.9), label(3, "Literal", "Literal", split="unseen")]
    found = lines(breakdown_table.text("a", breakdown(rows, 20)))
    assert "auroc 1.0000 -" in found
    assert "mce 0.1000 -" in found
    assert "brier 0.0200 -" in found
    assert not any(line.startswith("split group") for line in found)


def test_as_text_what_has_no_gold_is_said_to_have_none() -> None:
    assert breakdown_table.text("a", breakdown([sure(1, None, 0.5), words(1, "B", "B")], 5)).startswith(
        "a: cls: nothing to score, because no row has a gold answer\n\na: span"
    )
