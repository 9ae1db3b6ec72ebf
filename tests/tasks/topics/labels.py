"""The topics of a corpus, and the target of an input: 1 for each of its topics, 0 for the others."""

from collections.abc import Sequence

from src.core.records import Example, Prediction
from src.tasks.alignment import Encoding
from src.tasks.loss import IGNORED
from tests.tasks.topics.row import NAME


def labels(examples: Sequence[Example], declared: Sequence[str]) -> list[str]:
    return sorted({topic for example in examples for topic in example.extra.get(NAME) or []})


def label_set(rows: Sequence[Prediction]) -> tuple[str, ...]:
    known = {topic for row in rows for topic in (*(row.labels or ()), *(row.probabilities or ()))}
    return tuple(sorted(known | {topic for row in rows for topic in (*(row.gold or ()), *row.predicted)}))


def encode(example: Example, encoding: Encoding, labels: Sequence[str]) -> list[int]:
    topics = example.extra.get(NAME)
    return [IGNORED] * len(labels) if topics is None else [int(label in topics) for label in labels]
