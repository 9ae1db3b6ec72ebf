"""The head and the loss of task `evidence`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from src.tasks.loss import cross_entropy

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig


def head(config: PretrainedConfig, labels: Sequence[str]) -> torch.nn.Module:
    """Dropout and a linear layer over each state. Shape: (B, T, H) to (B, T, 2)."""
    from torch import nn

    return nn.Sequential(nn.Dropout(0.1), nn.Linear(config.hidden_size, len(labels)))


def logits(output: Any) -> torch.Tensor:
    import torch

    return torch.stack([output.start_logits, output.end_logits], dim=-1)


def loss(logits: torch.Tensor, targets: torch.Tensor, **_: Any) -> torch.Tensor:
    """Mean of the cross entropies of start and end, over all positions of a window.

    Shape: logits (B, T, 2), targets (B, 2).
    """
    return cross_entropy(logits.transpose(1, 2), targets)
