"""Task cls: labels, targets and probabilities by hand; scores against scikit-learn.

pytest tests/tasks/cls/test_cls.py
"""

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn import metrics

from src.analysis import scores
from src.core.records import Example, Prediction
from src.tasks.alignment import Encoding
from src.tasks.cls import Cls
from src.tasks.cls.metrics import ece
from tests.rows import label as row_of_labels

TASK = Cls()
NOTHING = Encoding({"input_ids": [2, 3]}, [])
LABELS = {2: ["Literal", "Figurative"], 3: ["no", "perhaps", "yes"]}


def decoded(logits: np.ndarray, window: Encoding, given: Example, labels: Sequence[str]) -> Prediction:
    return TASK.decode([logits], [window], given, labels, {})


def example(label: str | None) -> Example:
    return Example(id="1", text="בית", group="g", label=label, split="test")


def random_rows(labels: Sequence[str], count: int = 200, seed: int = 0) -> list[Prediction]:
    """Rows whose gold is not uniform and that are right more often than not."""
    draw = np.random.default_rng(seed)
    gold = draw.choice(len(labels), count, p=np.arange(1, len(labels) + 1) / sum(range(1, len(labels) + 1)))
    logits = draw.normal(0, 1, (count, len(labels))) + np.eye(len(labels))[gold]
    return [decoded(row, NOTHING, example(labels[g]), labels) for row, g in zip(logits, gold, strict=True)]


def hard_row(gold: str, predicted: str) -> Prediction:
    """A row as another program may give it: with the required fields only."""
    return Prediction(
        id="1", split="test", group=None, task="cls", gold=gold, predicted=predicted, correct=gold == predicted
    )


def test_labels_are_the_declared_ones_in_their_order_even_if_one_does_not_occur() -> None:
    assert TASK.labels([example("no")], ["yes", "perhaps", "no"]) == ["yes", "perhaps", "no"]
    assert TASK.labels([example(None)], ["yes", "no"]) == []


def test_the_target_is_the_position_of_the_label_and_minus_a_hundred_without_one() -> None:
    labels = ["yes", "perhaps", "no"]
    assert [TASK.encode(example(label), NOTHING, labels) for label in (*labels, None)] == [0, 1, 2, -100]


def test_logits_become_probabilities_of_all_labels_and_the_likeliest_is_predicted() -> None:
    row = decoded(np.log([0.2, 0.5, 0.3]), NOTHING, example("yes"), ["no", "perhaps", "yes"])
    assert row.probabilities == pytest.approx({"no": 0.2, "perhaps": 0.5, "yes": 0.3})
    assert (row.gold, row.predicted, row.correct) == ("yes", "perhaps", False)
    assert (row.tokens, row.gold_spans, row.predicted_spans) == (None, None, None)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_every_score_is_that_of_scikit_learn(labels: list[str]) -> None:
    rows = random_rows(labels)
    gold, predicted = [row.gold for row in rows], [row.predicted for row in rows]
    f1, precision, recall = (
        function(gold, predicted, labels=labels, average=None)
        for function in (metrics.f1_score, metrics.precision_score, metrics.recall_score)
    )
    areas = [
        metrics.roc_auc_score([label == g for g in gold], [row.probabilities[label] for row in rows])
        for label in labels
    ]
    expected = {
        "accuracy": metrics.accuracy_score(gold, predicted),
        "f1_macro": metrics.f1_score(gold, predicted, average="macro"),
        "f1_weighted": metrics.f1_score(gold, predicted, average="weighted"),
        "auroc": np.mean(areas),
        **{f"f1_{label}": f1[i] for i, label in enumerate(labels)},
        **{f"precision_{label}": precision[i] for i, label in enumerate(labels)},
        **{f"recall_{label}": recall[i] for i, label in enumerate(labels)},
    }
    found = TASK.score(rows)
    assert found.keys() == {*expected, "ece"}
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert 0 < found["ece"] < 1


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_the_confusion_matrix_is_that_of_scikit_learn_over_the_full_label_set(labels: list[str]) -> None:
    rows = [row for row in random_rows(labels) if row.gold != labels[0] and row.predicted != labels[0]]
    found = scores.confusion(TASK, rows)
    expected = metrics.confusion_matrix([row.gold for row in rows], [row.predicted for row in rows], labels=labels)
    assert found == {"confusion_labels": labels, "confusion": expected.tolist()}


def test_perfect_and_certain_predictions_score_one_and_are_calibrated() -> None:
    labels = LABELS[2]
    rows = [decoded(np.eye(2)[i] * 500, NOTHING, example(labels[i]), labels) for i in (0, 1, 1)]
    found = TASK.score(rows)
    assert found.pop("ece") == 0.0
    assert set(found.values()) == {1.0}


def test_predictions_that_are_all_wrong_score_zero_and_are_least_calibrated() -> None:
    labels = LABELS[2]
    rows = [decoded(np.eye(2)[i] * 500, NOTHING, example(labels[1 - i]), labels) for i in (0, 1, 1)]
    found = TASK.score(rows)
    assert found.pop("ece") == 1.0
    assert set(found.values()) == {0.0}


def test_a_label_that_is_neither_gold_nor_predicted_counts_as_zero_and_leaves_no_nan() -> None:
    labels = LABELS[3]
    rows = [decoded(np.eye(3)[i] * 500, NOTHING, example(labels[i]), labels) for i in (0, 0, 1)]
    found = TASK.score(rows)
    assert found["f1_yes"] == found["precision_yes"] == found["recall_yes"] == 0.0
    assert found["f1_macro"] == pytest.approx(2 / 3)
    assert found["f1_weighted"] == 1.0


def test_the_area_under_the_curve_is_left_out_where_a_label_has_no_gold() -> None:
    rows = random_rows(LABELS[2])
    assert "auroc" not in TASK.score([row for row in rows if row.gold == "Literal"])
    assert "auroc" in TASK.score(rows)


def test_rows_without_probabilities_are_scored_over_the_labels_that_occur() -> None:
    """By hand: of `a` 2 of 3 are found, 1 of 3 found is wrong; of `b` 1 of 2, and 1 of 2."""
    rows = [hard_row(*pair) for pair in ("aa", "aa", "ab", "ba", "bb")]
    assert TASK.score(rows) == pytest.approx(
        {
            "accuracy": 3 / 5,
            "f1_macro": (2 / 3 + 1 / 2) / 2,
            "f1_weighted": (3 * 2 / 3 + 2 * 1 / 2) / 5,
            "f1_a": 2 / 3,
            "precision_a": 2 / 3,
            "recall_a": 2 / 3,
            "f1_b": 1 / 2,
            "precision_b": 1 / 2,
            "recall_b": 1 / 2,
        }
    )
    assert TASK.tally(rows).sum(axis=0).tolist() == [[2, 1, 1], [1, 1, 1]]  # true, false, missed


@pytest.mark.parametrize(
    ("confidence", "correct", "expected"),
    [
        pytest.param([1.0, 1.0], [1, 1], 0.0, id="certain and right"),
        pytest.param([1.0, 1.0], [0, 0], 1.0, id="certain and wrong"),
        pytest.param([0.75, 0.75, 0.75, 0.75], [1, 1, 1, 0], 0.0, id="as often right as it says"),
        # bins (.5,.6): mean .55, 1 of 2 right, gap .05; (.9,1): mean .95, 1 of 2 right, gap .45
        pytest.param([0.52, 0.58, 0.93, 0.97], [1, 0, 0, 1], (2 * 0.05 + 2 * 0.45) / 4, id="two bins of two"),
        # one of three in its own bin: gap .62; the other two: mean .86, both right, gap .14
        pytest.param([0.62, 0.85, 0.87], [0, 1, 1], (0.62 + 2 * 0.14) / 3, id="bins weigh by their rows"),
        # one bin: over- and underconfidence within it cancel out
        pytest.param([0.71, 0.79], [1, 0], 0.25, id="a bin is compared by its means"),
    ],
)
def test_the_calibration_error_is_the_mean_gap_of_ten_bins(
    confidence: list[float], correct: list[float], expected: float
) -> None:
    assert ece(np.array(confidence), np.array(correct, dtype=float)) == pytest.approx(expected)


def test_the_calibration_error_of_rows_is_that_of_the_predicted_label() -> None:
    labels = LABELS[2]
    rows = [
        decoded(np.log([0.2, 0.8]), NOTHING, example(gold), labels) for gold in ["Figurative"] * 3 + ["Literal"] * 2
    ]
    assert TASK.score(rows)["ece"] == pytest.approx(0.8 - 3 / 5)


def test_the_calibration_error_is_that_of_what_was_predicted_even_if_another_label_is_likelier() -> None:
    voted = row_of_labels("1", "a", "a", {"a": 0.2, "b": 0.8})
    assert TASK.score([voted])["ece"] == pytest.approx(0.8)


def test_the_area_under_the_curve_is_left_out_where_there_is_one_label_alone() -> None:
    found = TASK.score([row_of_labels("1", "a", "a", {"a": 1.0})])
    assert "auroc" not in found
    assert found["f1_macro"] == 1.0
