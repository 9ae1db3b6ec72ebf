"""Calibration against scikit-learn and by hand.

pytest tests/analysis/test_calibration.py
"""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from src.analysis.calibration import Calibration, calibration
from src.core.records import Prediction
from src.tasks import TASKS
from tests.rows import LABELS, label, of_labels, sure, words


def measured(rows: list[Prediction]) -> Calibration:
    found = calibration(rows)
    assert found
    return found


def random_rows(count: int, seed: int) -> list[Prediction]:
    draw = np.random.default_rng(seed)
    return [sure(id, str(draw.choice(LABELS)), float(draw.random())) for id in range(count)]


def test_the_curve_is_that_of_scikit_learn() -> None:
    rows = random_rows(500, seed=1)
    confidence = [max(row.probabilities.values()) for row in rows]
    accuracy, mean = calibration_curve([bool(row.correct) for row in rows], confidence, n_bins=10)
    filled = [found for found in measured(rows).bins if found.rows]
    assert [found.accuracy for found in filled] == pytest.approx(list(accuracy))
    assert [found.confidence for found in filled] == pytest.approx(list(mean))
    assert sum(found.rows for found in filled) == 500
    gaps = np.abs(accuracy - mean)
    assert measured(rows).mce == pytest.approx(gaps.max())
    assert measured(rows).ece == pytest.approx(np.average(gaps, weights=[found.rows for found in filled]))


def test_the_brier_score_is_that_of_scikit_learn() -> None:
    """Of two labels scikit-learn counts one; over both it is twice as much."""
    rows = random_rows(200, seed=2)
    gold = [row.gold == LABELS[1] for row in rows]
    p = [row.probabilities[LABELS[1]] for row in rows]
    assert measured(rows).brier == pytest.approx(2 * brier_score_loss(gold, p))


def test_the_brier_score_of_three_labels_is_that_of_scikit_learn() -> None:
    draw = np.random.default_rng(3)
    names = ["a", "b", "c"]
    p = draw.dirichlet([1, 1, 1], size=60)
    gold = draw.choice(names, size=60)
    rows = [
        label(id, str(gold[id]), names[int(p[id].argmax())], dict(zip(names, map(float, p[id]), strict=True)))
        for id in range(60)
    ]
    expected = brier_score_loss(gold, p, labels=names, scale_by_half=False)
    assert measured(rows).brier == pytest.approx(expected)


def test_figures_by_hand() -> None:
    """Bin .9: right, wrong at .9 and .95: |1/2 - .925| = .425; bin .6: right at .6: .4; the rest is empty."""
    found = measured(
        [sure(1, "Figurative", 0.9), sure(2, "Literal", 0.95), sure(3, "Literal", 0.4), sure(4, "Figurative", 0.7)]
    )
    assert found.mce == pytest.approx(0.425)
    assert found.ece == pytest.approx((2 * 0.425 + 0.4 + 0.3) / 4)
    assert found.brier == pytest.approx(2 * (0.1**2 + 0.95**2 + 0.4**2 + 0.3**2) / 4)
    assert [(round(b.low, 9), round(b.high, 9), b.rows) for b in found.bins[5:]] == [
        (0.5, 0.6, 0), (0.6, 0.7, 1), (0.7, 0.8, 1), (0.8, 0.9, 0), (0.9, 1.0, 2),
    ]  # fmt: skip
    assert found.bins[9].confidence == pytest.approx(0.925)
    assert found.bins[9].accuracy == 0.5


def test_an_edge_belongs_to_the_bin_above_it_and_one_to_the_last() -> None:
    """So sure of 0.5 and of 1.0 exactly; what is predicted is not what is likelier, which others may do."""
    rows = [label(i, "a", "a", {"a": p, "b": 1 - p}) for i, p in enumerate((0.0, 0.1, 0.5, 1.0))]
    assert [i for i, found in enumerate(measured(rows).bins) if found.rows] == [0, 1, 5, 9]


def test_a_bin_without_rows_has_no_figures() -> None:
    empty = measured([sure(1, "Literal", 0.0)]).bins[0]
    assert (empty.rows, empty.confidence, empty.accuracy) == (0, None, None)


def test_certain_and_right_is_perfectly_calibrated_and_certain_and_wrong_as_badly_as_can_be() -> None:
    right, wrong = ([sure(i, gold, 1.0) for i in range(3)] for gold in ("Figurative", "Literal"))
    assert measured(right)[:3] == (0.0, 0.0, 0.0)
    assert measured(wrong)[:3] == (1.0, 1.0, 2.0)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [label(1, "a", "a")],
        [label(1, "a", "a", {"a": 1.0}), label(2, "a", "a")],
        [words(1, "OB", "OB", [0.5, 0.5])],
    ],
    ids=["no rows", "no probabilities", "some without", "words"],
)
def test_without_probabilities_of_labels_there_is_no_calibration(rows: list[Prediction]) -> None:
    assert calibration(rows) is None


@given(of_labels())
def test_bins_hold_every_row_once_and_every_figure_is_in_its_range(rows: list[Prediction]) -> None:
    found = calibration(rows)
    if rows[0].probabilities is None:
        assert found is None
        return
    assert found
    assert sum(b.rows for b in found.bins) == len(rows)
    assert 0 <= found.ece <= found.mce + 1e-9 <= 1 + 2e-9
    assert 0 <= found.brier <= 2
    assert all(b.low - 1e-9 <= b.confidence <= b.high + 1e-9 for b in found.bins if b.confidence is not None)
    assert found.ece == pytest.approx(TASKS["cls"].score(rows)["ece"])  # one figure under one name
    json.dumps(found, allow_nan=False)


@given(of_labels())
def test_the_order_of_rows_changes_nothing(rows: list[Prediction]) -> None:
    found, reverse = calibration(rows), calibration(rows[::-1])
    if found is None or reverse is None:
        assert found is reverse
        return
    assert math.isclose(found.brier, reverse.brier)
    assert math.isclose(found.ece, reverse.ece, abs_tol=1e-12)
    assert [b.rows for b in found.bins] == [b.rows for b in reverse.bins]
