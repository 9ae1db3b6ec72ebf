"""The head and the loss of task `span`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from src.tasks.loss import cross_entropy

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig


def head(config: PretrainedConfig, labels: Sequence[str]) -> torch.nn.Module:
    """Dropout and a linear layer over each state. Shape: (B, T, H) to (B, T, L)."""
    from torch import nn

    return nn.Sequential(nn.Dropout(0.1), nn.Linear(config.hidden_size, len(labels)))


def logits(output: Any) -> torch.Tensor:
    return output.logits


def loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    class_weights: torch.Tensor | None = None,
    label_smoothing: float = 0.0,
    focal_gamma: float | None = None,
) -> torch.Tensor:
    """Cross entropy over first sub-words. Shape: logits (B, T, L), targets (B, T)."""
    return cross_entropy(logits, targets, class_weights, label_smoothing, focal_gamma)
