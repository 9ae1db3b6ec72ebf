"""Cross entropy and log-probabilities for all tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

IGNORED = -100  # transformers and torch ignore this target


def cross_entropy(
    logits: torch.Tensor,
    targets: torch.Tensor,
    class_weights: torch.Tensor | None = None,
    label_smoothing: float = 0.0,
    focal_gamma: float | None = None,
) -> torch.Tensor:
    """Returns the mean cross entropy over the targets that are not -100; zero if there are none.

    class_weights weight the mean. focal_gamma weights each term by (1 - p of the target) ** focal_gamma.

    Args:
        focal_gamma: above 0; label_smoothing then has no effect.

    Shape: logits (..., L), targets (...), class_weights (L,) or None; returns ().
    Source: torch.nn.functional.cross_entropy; Lin et al. 2017, Focal Loss for Dense Object Detection, equation 5.
    """
    import torch
    from torch.nn import functional

    kept = targets != IGNORED
    if not kept.any():
        return logits.sum() * 0.0  # keeps the graph, so that backward works
    if focal_gamma is not None:
        gold = targets[kept]
        log_p = logits[kept].float().log_softmax(-1).gather(-1, gold[:, None]).squeeze(-1)
        missing = (1 - log_p.exp()).clamp(min=torch.finfo(torch.float32).eps)  # a root has no derivative at 0
        weights = 1.0 if class_weights is None else class_weights[gold]
        return -(weights * missing**focal_gamma * log_p).sum() / amount(gold, class_weights)
    return functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]).float(),
        targets.reshape(-1),
        weight=class_weights,
        ignore_index=IGNORED,
        label_smoothing=label_smoothing,
    )


def amount(targets: torch.Tensor, class_weights: torch.Tensor | None = None) -> torch.Tensor:
    """Returns the denominator of the mean in `cross_entropy`: the number of targets, or the sum of their weights.

    Shape: as in `cross_entropy`.
    """
    kept = targets != IGNORED
    return kept.sum().float() if class_weights is None else class_weights[targets[kept]].sum()


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities in double precision, so that no value is minus infinity.

    Shape: (..., L) to (..., L); the exponentials of the last axis sum to one.
    """
    shifted = logits.astype(float) - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Shape: (..., L) to (..., L); the last axis sums to one."""
    return np.asarray(np.exp(log_softmax(logits)))
