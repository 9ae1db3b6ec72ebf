"""Expected calibration error."""

import numpy as np

ECE_BINS = 10


def ece(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Expected calibration error over ten bins of equal width.

    Args:
        confidence: probability of the predicted label, in [0, 1].
        correct: 1.0 if the predicted label is the gold label, else 0.0.

    Shape: (N,), (N,).
    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, equation 3.

    >>> float(ece(np.array([0.8, 0.8, 0.8, 0.8]), np.array([1.0, 1.0, 1.0, 0.0])).__round__(6))
    0.05
    """
    bins = np.minimum((confidence * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = [abs(correct[bins == b].sum() - confidence[bins == b].sum()) for b in range(ECE_BINS)]
    return float(sum(gaps) / len(confidence))
