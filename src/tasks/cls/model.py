"""The head and the loss of task `cls`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from src.tasks.loss import cross_entropy

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig


def head(config: PretrainedConfig, labels: Sequence[str]) -> torch.nn.Module:
    """As in BERT: a tanh layer over the pooled state, then a linear layer. Shape: (B, H) to (B, L)."""
    from torch import nn

    width = config.hidden_size
    return nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Dropout(0.1), nn.Linear(width, len(labels)))


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
    """Cross entropy. Shape: logits (B, L), targets (B,)."""
    return cross_entropy(logits, targets, class_weights, label_smoothing, focal_gamma)
