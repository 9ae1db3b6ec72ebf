"""Cross entropy and log-probabilities, which tasks share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

IGNORED = -100  # the target that transformers and torch pass over


def cross_entropy(
    logits: torch.Tensor, targets: torch.Tensor, class_weights: torch.Tensor | None, label_smoothing: float
) -> torch.Tensor:
    """Returns the mean cross entropy over the targets that are not -100; zero where there is none.

    Shape: logits (..., L), targets (...), class_weights (L,) or None; returns ().
    Source: torch.nn.functional.cross_entropy; with class_weights the mean is weighted by them.
    """
    from torch.nn import functional

    if not (targets != IGNORED).any():
        return logits.sum() * 0.0  # keeps the graph, so that backward works
    return functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]).float(),
        targets.reshape(-1),
        weight=class_weights,
        ignore_index=IGNORED,
        label_smoothing=label_smoothing,
    )


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities in double precision, so that none is minus infinity.

    Shape: (..., L) to (..., L); the exponentials of the last axis sum to one.
    """
    shifted = logits.astype(float) - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Shape: (..., L) to (..., L); the last axis sums to one."""
    return np.asarray(np.exp(log_softmax(logits)))
