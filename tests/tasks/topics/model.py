"""The head and the loss of task `topics`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from src.tasks.loss import IGNORED

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig


def head(config: PretrainedConfig, labels: Sequence[str]) -> torch.nn.Module:
    from torch import nn

    return nn.Linear(config.hidden_size, len(labels))


def logits(output: Any) -> torch.Tensor:
    return output.logits


def loss(logits: torch.Tensor, targets: torch.Tensor, **_: Any) -> torch.Tensor:
    """Binary cross entropy over the topics. Shape: logits (B, L), targets (B, L)."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    kept = targets != IGNORED
    if not kept.any():
        return logits.sum() * 0.0
    return binary_cross_entropy_with_logits(logits[kept].float(), targets[kept].float())
