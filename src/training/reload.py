"""Compares the saved model with the model in memory, on a few rows."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from src.core.records import Example
from src.models import checkpoint
from src.models.interface import Model


def difference(
    model: Model, folder: Path, examples: Sequence[Example], *, device: str, trust_remote_code: bool
) -> float:
    """Returns the largest difference between the outputs of the model and the saved model, each with its tokenizer.

    Both run on the same device, in their prediction precision. The difference is infinite if the shapes differ.

    Raises:
        UserError: the saved model cannot be loaded.
    """
    saved = checkpoint.load(folder, trust_remote_code=trust_remote_code)
    saved.to(device)
    before, after = (outputs_of.outputs(examples) for outputs_of in (model, saved))
    if [output.shape for output in before] != [output.shape for output in after]:
        return math.inf
    return float(np.max([np.abs(a - b).max(initial=0.0) for a, b in zip(before, after, strict=True)]))  # keeps NaN
