"""The label set of task `cls` and the target of an input."""

from collections.abc import Sequence

from src.core.records import Example, Prediction
from src.tasks.alignment import Encoding
from src.tasks.cls.row import has_target
from src.tasks.loss import IGNORED


def labels(examples: Sequence[Example], declared: Sequence[str]) -> list[str]:
    """Returns the labels that corpus.yaml declares, in its order."""
    return list(declared) if any(map(has_target, examples)) else []


def label_set(rows: Sequence[Prediction]) -> tuple[str, ...]:
    """Returns the labels with probabilities, in their order, then the other labels of the rows, sorted."""
    known: dict[str, None] = {}
    occurring: set[str] = set()
    for row in rows:
        known |= dict.fromkeys((*(row.labels or ()), *(row.probabilities or ())))
        occurring |= {label for label in (row.gold, row.predicted) if label is not None}
    return (*known, *sorted(occurring - known.keys()))


def encode(example: Example, encoding: Encoding, labels: Sequence[str]) -> int:
    return IGNORED if example.label is None else list(labels).index(example.label)
