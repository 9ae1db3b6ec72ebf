"""The label set of task `span` and the targets of an input."""

from collections.abc import Sequence

from src.core.records import Example, Prediction
from src.tasks.alignment import Encoding
from src.tasks.loss import IGNORED
from src.text.words import spans_of


def labels(examples: Sequence[Example], declared: Sequence[str]) -> list[str]:
    """Returns O, then B- and I- of each kind of span."""
    kinds = {label for example in examples for _, _, label in spans_of(example.tags or [])}
    return ["O", *(f"{prefix}-{kind}" for kind in sorted(kinds) for prefix in "BI")] if kinds else []


def label_set(rows: Sequence[Prediction]) -> tuple[str, ...]:
    return ()


def encode(example: Example, encoding: Encoding, labels: Sequence[str]) -> list[int]:
    """The first sub-word of each word has its tag. The other sub-words have no target."""
    targets = [IGNORED] * len(encoding.inputs["input_ids"])
    if example.tags is None:
        return targets
    index = {label: i for i, label in enumerate(labels)}
    for position, tag in zip(encoding.first_subwords, example.tags, strict=True):
        if position is not None and targets[position] == IGNORED:  # the first of two words in a sub-word
            targets[position] = index[tag]
    return targets
