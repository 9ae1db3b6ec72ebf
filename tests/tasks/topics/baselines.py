"""The trivial baseline of task `topics`: the topics that more than half of the texts of train have."""

from collections import Counter
from collections.abc import Sequence

from src.core.records import Example
from src.tasks.baseline import Baseline, Rows, Splits, each
from tests.tasks.topics.decoding import prediction
from tests.tasks.topics.row import NAME, has_target


def baselines(idioms: Sequence[str]) -> dict[str, Baseline]:
    return {"majority": majority}


def majority(train: Sequence[Example], splits: Splits, labels: Sequence[str]) -> Rows:
    with_target = [example for example in train if has_target(example)]
    counts = Counter(topic for example in with_target for topic in example.extra[NAME])
    return each(splits, lambda example: prediction(example, {t: counts[t] / len(with_target) for t in labels}))
