"""The saved model against the one in memory, on a few rows."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from src.core.records import Example
from src.models import checkpoint
from src.models.batches import encode
from src.models.checkpoint import Checkpoint
from src.models.inference import predict, ready, run
from src.models.matcher import Matcher


def difference(
    model: Checkpoint | Matcher, folder: Path, examples: Sequence[Example], *, trust_remote_code: bool
) -> float:
    """Returns the largest difference between a logit of the model and of what was saved of it, each with its tokenizer.

    Both run on the same device, and in the precision that they predict in. Of what has no logits, predictions are
    compared: 0 where all are equal, else infinite.

    Raises:
        UserError: what was saved cannot be loaded.
    """
    saved = checkpoint.load(folder, trust_remote_code=trust_remote_code)
    if isinstance(model, Matcher) or isinstance(saved, Matcher):
        one, other = (predict(made, examples, len(examples)) for made in (model, saved))
        return 0.0 if one == other else math.inf
    ready(saved, model.model.device.type)
    logits = (run(made, encode(made, examples), len(examples)) for made in (model, saved))
    before, after = ([window for windows in of_tasks.values() for window in windows] for of_tasks in logits)
    if [window.shape for window in before] != [window.shape for window in after]:
        return math.inf
    return float(np.max([np.abs(a - b).max() for a, b in zip(before, after, strict=True)]))  # NaN if one of them is
