"""Dropout in training on a CPU, where torch draws each element of a mask by itself, on one core."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

LEVELS = 2**16  # of a draw: of its 64 bits, each 16 decide on an element


class _Quick(nn.Dropout):
    """Like Dropout, but for its random numbers; p is rounded to a multiple of 1 / LEVELS."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p in (0, 1):
            return super().forward(values)
        draws = torch.randint(-(2**63), 2**63 - 1, (-(-values.numel() // 4),))  # torch.compile knows it, not random_
        levels = draws.view(torch.int16)[: values.numel()].view(values.shape)
        kept = levels >= min(round(self.p * LEVELS), LEVELS - 1) - LEVELS // 2  # levels begin at -LEVELS / 2
        return values * kept.to(values.dtype).div_(1 - self.p)


@contextmanager
def quick(model: nn.Module) -> Iterator[None]:
    """Lets a model on a CPU draw its masks quickly, for a while; a GPU draws them on all of its cores anyway."""
    on_cpu = next(model.parameters()).device.type == "cpu"
    modules = [module for module in model.modules() if on_cpu and type(module) is nn.Dropout]
    for module in modules:
        module.__class__ = _Quick
    try:
        yield
    finally:
        for module in modules:
            module.__class__ = nn.Dropout
