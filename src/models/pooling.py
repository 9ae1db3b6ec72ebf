"""Combines the states of the sub-words of an input into one state, without padding."""

import torch
from torch import nn


class Pooling(nn.Module):
    """Shape: states (B, T, H) and mask (B, T), 0 for padding, to (B, H).

    first: the state of [CLS] or <s>. mean, max: over all sub-words, including special tokens. attention: the mean
    weighted by the softmax of a trained linear score.
    """

    def __init__(self, how: str, width: int) -> None:
        super().__init__()
        self.how = how
        if how == "attention":
            self.score = nn.Linear(width, 1)

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if self.how == "first":
            return states[:, 0]
        padding = (mask == 0)[:, :, None]
        if self.how == "max":
            return states.masked_fill(padding, float("-inf")).amax(dim=1)
        scores = self.score(states) if self.how == "attention" else torch.zeros_like(states[:, :, :1])
        weights = scores.masked_fill(padding, float("-inf")).softmax(dim=1)
        return (weights * states).sum(dim=1)
