"""Scores of counts, against figures made by hand.

pytest tests/tasks/test_f1.py
"""

import numpy as np
import pytest

from src.tasks.f1 import f1


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([[3, 1, 1]], 6 / 8),
        ([[3, 1, 1], [1, 0, 2]], (6 / 8 + 2 / 4) / 2),
        ([[3, 1, 1], [0, 0, 0]], (6 / 8 + 0) / 2),
        ([[0, 0, 0]], 0.0),
        ([[0, 5, 0]], 0.0),
    ],
)
def test_f1_is_the_mean_over_classes(counts: list[list[float]], expected: float) -> None:
    assert f1(np.array(counts, dtype=float)) == pytest.approx(expected)


def test_f1_of_many_samples_is_that_of_each() -> None:
    counts = np.random.default_rng(0).integers(0, 9, (5, 4, 2, 3)).astype(float)
    found = f1(counts)
    assert found.shape == (5, 4)
    for i, j in np.ndindex(5, 4):
        assert found[i, j] == pytest.approx(f1(counts[i, j]))
