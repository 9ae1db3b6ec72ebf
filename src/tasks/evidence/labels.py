"""The labels of task `evidence`, the two logits of a sub-word. The target of a window is a pair of positions."""

from collections.abc import Sequence

from src.core.records import Example, Prediction
from src.tasks.alignment import Encoding
from src.tasks.evidence.row import has_target
from src.tasks.loss import IGNORED

NULL = 0  # the position for no answer: the first token, [CLS] or <s>


def labels(examples: Sequence[Example], declared: Sequence[str]) -> list[str]:
    """Returns the names of the two logits of a sub-word."""
    return ["start", "end"] if any(map(has_target, examples)) else []


def label_set(rows: Sequence[Prediction]) -> tuple[str, ...]:
    return ()


def encode(example: Example, encoding: Encoding, labels: Sequence[str]) -> list[int]:
    """Returns first and last sub-word of the first answer that is complete in the window, else NULL twice."""
    if example.answers is None:
        return [IGNORED, IGNORED]
    for start, end in example.answers:
        if encoding.extent[0] <= start and end <= encoding.extent[1]:
            offsets = enumerate(encoding.offsets)
            inside = [i for i, subword in offsets if subword and subword[0] < end and start < subword[1]]
            if inside:
                return [inside[0], inside[-1]]
    return [NULL, NULL]
